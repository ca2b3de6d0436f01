import DiskImage
import DiskOverlay
import Glibc
import NBDKit
import SystemPackage

/// `overlay=temp`, `overlay=FILE` or `overlay=FILE.vmdk`: where the guest's writes go.
enum OverlayParameter: Sendable {
  case temporary
  case file(FilePath)

  init(_ value: ParameterValue) throws {
    guard value.text != "temp" else {
      self = .temporary
      return
    }
    self = .file(try value.absolutePath())
  }

  /// Whether the overlay is a VMDK.
  var isSnapshot: Bool {
    guard case .file(let file) = self else { return false }
    return file.extension?.lowercased() == "vmdk"
  }

  /// Checks the overlay as far as possible before the disk is open.
  func check() throws {
    guard case .file(let file) = self, !isSnapshot else { return }
    try OverlayDisk.checkKind(of: file)
  }

  /// Opens the overlay of a disk, or creates it.
  /// - Parameters:
  ///   - files: the files of the disk.
  ///   - chain: the chain of the disk's images if it is a VMDK.
  /// - Returns: the overlay, with a warning if it may no longer match the disk or may be incomplete.
  func open(
    over disk: any VirtualDisk, files: [FilePath], chain: [DiskLink] = []
  ) throws -> (overlay: any Overlay, warning: String?) {
    switch self {
    case .temporary:
      let directory = getenv("TMPDIR").map { FilePath(platformString: $0) } ?? "/var/tmp"
      return (try OverlayDisk.temporary(over: disk, in: directory), nil)
    case .file(let file):
      let wasChanged =
        "\(file): the disk was changed after this overlay was begun; what is read may never have been on it"
      guard isSnapshot else {
        let kept = try OverlayDisk.persistent(file, over: disk, files: files)
        return (kept.disk, kept.baseWasChanged ? wasChanged : nil)
      }
      let kept = try VMDKOverlay.persistent(file, over: disk, chain: chain, files: files)
      if kept.baseWasChanged { return (kept.disk, wasChanged) }
      let wasNotClosed = "\(file): the overlay was not closed cleanly; what was not flushed may be missing"
      return (kept.disk, kept.wasClosedCleanly ? nil : wasNotClosed)
    }
  }
}
