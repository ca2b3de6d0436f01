import DiskImage
import DiskOverlay
import Glibc
import NBDKit
import SystemPackage

/// `overlay=temp`, `overlay=FILE` or `overlay=FILE.vmdk`: where what the guest writes goes.
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

  /// Whether it is a VMDK.
  var isSnapshot: Bool {
    guard case .file(let file) = self else { return false }
    return file.extension?.lowercased() == "vmdk"
  }

  /// Sees what can be seen of it before the disk is there.
  func check() throws {
    guard case .file(let file) = self, !isSnapshot else { return }
    try OverlayDisk.checkKind(of: file)
  }

  /// Opens the overlay of a disk, or begins it.
  /// - Parameters:
  ///   - files: the disk's.
  ///   - chain: the disk's, if it is a VMDK.
  /// - Returns: with a warning where it may not fit the disk any more, or not be whole.
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
        let kept = try OverlayDisk.kept(file, over: disk, files: files)
        return (kept.disk, kept.baseWasChanged ? wasChanged : nil)
      }
      let kept = try VMDKOverlay.kept(file, over: disk, chain: chain, files: files)
      if kept.baseWasChanged { return (kept.disk, wasChanged) }
      let wasNotClosed = "\(file): the overlay was not closed cleanly; what was not flushed may be missing"
      return (kept.disk, kept.wasClosedCleanly ? nil : wasNotClosed)
    }
  }
}
