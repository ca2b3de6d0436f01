import Glibc
import SystemPackage

/// A snapshot's parent, found by the name that the snapshot gives it.
struct ParentFile {
  let file: HostFile
  /// The name that leads elsewhere, where the file was found by the last part of it alone; its content ID has to show that
  /// it is the one.
  let insteadOf: [UInt8]?

  /// A snapshot that was copied from a server, or from Windows, names its parent by its path there: `/vmfs/volumes/...`,
  /// `C:\VMs\base.vmdk`. Whoever copies it puts the parent beside it.
  /// - Parameter hint: `parentFileNameHint`.
  /// - Throws: `DiskError` as `ImageDirectory.open` does: of the name as it is, unless there is a file beside the snapshot
  ///   that cannot be read.
  init(_ hint: [UInt8], in directory: borrowing ImageDirectory) throws(DiskError) {
    do throws(DiskError) {
      file = try directory.open(hint, role: "the parent")
      insteadOf = nil
    } catch {
      guard [EACCES, ENOENT, ENOTDIR].contains(error.errno), let name = Self.lastPart(of: hint) else { throw error }
      do throws(DiskError) {
        file = try directory.openBeside(name, role: "the parent")
      } catch let second {
        throw second.errno == ENOENT ? error : second
      }
      insteadOf = hint
    }
  }

  /// What comes after the last slash or backslash; nil where there is none, or nothing after it.
  private static func lastPart(of hint: [UInt8]) -> [UInt8]? {
    guard let last = hint.lastIndex(where: { $0 == UInt8(ascii: "/") || $0 == UInt8(ascii: "\\") }) else { return nil }
    let name = Array(hint[(last + 1)...])
    return name.isEmpty ? nil : name
  }
}
