import BlockMap

/// Why a disk could not be mapped. The description is one line for the user.
public enum MapperError: Error, CustomStringConvertible, Sendable {
  /// A part of virt-bmap, a program that it needs, or a system resource such as a thread is missing.
  case missing(String)
  /// The recorder, an nbdkit server, did not start or exited early.
  case recorder(String)
  /// libguestfs could not start the appliance.
  case launch(String)
  /// libguestfs lost the appliance, or something in it failed.
  case appliance(String)
  /// The disk with this name cannot be read, for this reason.
  case source([UInt8], String)
  /// Two of the disks are the same one, with this name.
  case givenTwice([UInt8])
  /// The size of the disk with this name has changed since it was opened.
  case changed([UInt8])
  /// The user asked to stop.
  case interrupted

  public var description: String {
    switch self {
    case .missing(let what): what
    case .recorder(let reason): "the recorder failed: \(reason)"
    case .launch(let reason), .appliance(let reason): "the libguestfs appliance failed: \(reason)"
    case .source(let disk, let reason): "\(Escaping.text(disk, as: .path)): \(reason)"
    case .givenTwice(let disk): "\(Escaping.text(disk, as: .path)): this disk is given twice"
    case .changed(let disk): "\(Escaping.text(disk, as: .path)): the disk's size changed while it was mapped"
    case .interrupted: "interrupted"
    }
  }
}
