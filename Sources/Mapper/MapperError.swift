import BlockMap
import SystemPackage

/// Why a disk could not be mapped; its description is one line for the user.
public enum MapperError: Error, CustomStringConvertible, Sendable {
  /// A part of virt-bmap or a program it needs is missing.
  case missing(String)
  /// The recorder, an nbdkit server, did not start or ended early.
  case recorder(String)
  /// libguestfs could not start the appliance or lost it.
  case appliance(String)
  /// Two of the disks are one.
  case givenTwice(FilePath)
  /// The disk's size is not what it was when it was opened.
  case changed(FilePath)
  /// The user asked to stop.
  case interrupted

  public var description: String {
    switch self {
    case .missing(let what): what
    case .recorder(let reason): "the recorder failed: \(reason)"
    case .appliance(let reason): "the libguestfs appliance failed: \(reason)"
    case .givenTwice(let disk): "\(Escaping.text(disk.bytes, as: .path)): this disk is given twice"
    case .changed(let disk): "\(Escaping.text(disk.bytes, as: .path)): the disk's size changed while it was mapped"
    case .interrupted: "interrupted"
    }
  }
}
