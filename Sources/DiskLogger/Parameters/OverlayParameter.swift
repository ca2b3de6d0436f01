import DiskImage
import DiskOverlay
import Glibc
import NBDKit
import SystemPackage

/// `overlay=temp` or `overlay=FILE`: where what the guest writes goes.
enum OverlayParameter: Sendable {
  case temporary
  case file(FilePath)

  init(_ value: ParameterValue) throws {
    guard value.text != "temp" else {
      self = .temporary
      return
    }
    let file = try value.absolutePath()
    guard file.extension?.lowercased() != "vmdk" else {
      throw PluginError(errno: .invalid, "\(file): an overlay is not a VMDK; give it another name")
    }
    self = .file(file)
  }

  /// Opens the overlay of a disk, or begins it.
  /// - Parameter files: the disk's.
  /// - Returns: with a warning where it may not fit the disk any more.
  func open(over disk: any VirtualDisk, files: [FilePath]) throws -> (overlay: any Overlay, warning: String?) {
    switch self {
    case .temporary:
      let directory = getenv("TMPDIR").map { FilePath(platformString: $0) } ?? "/var/tmp"
      return (try OverlayDisk.temporary(over: disk, in: directory), nil)
    case .file(let file):
      let kept = try OverlayDisk.kept(file, over: disk, files: files)
      let warning = "\(file): the disk was changed after this overlay was begun; what is read may never have been on it"
      return (kept.disk, kept.baseWasChanged ? warning : nil)
    }
  }
}
