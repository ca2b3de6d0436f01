import Glibc
import SystemPackage

/// The parent of a snapshot.
struct ParentFile {
  let file: HostFile
  /// The full name from the snapshot, if the file was found by only the last part of it. The content ID then has to
  /// prove that it is the right file.
  let insteadOf: [UInt8]?

  /// Opens the parent of a snapshot.
  ///
  /// A snapshot that was copied from a server, or from Windows, names its parent by the path there:
  /// `/vmfs/volumes/...`, `C:\VMs\base.vmdk`. Usually the parent was copied to the same directory as the snapshot.
  /// - Parameter hint: `parentFileNameHint`.
  /// - Throws: `DiskError`, as for `ImageDirectory.open`. The error is about the name as written, unless a file with
  ///   the same last part exists beside the snapshot but cannot be read.
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

  /// The part after the last slash or backslash; `nil` if there is no slash, or nothing after it.
  private static func lastPart(of hint: [UInt8]) -> [UInt8]? {
    guard let last = hint.lastIndex(where: { $0 == UInt8(ascii: "/") || $0 == UInt8(ascii: "\\") }) else { return nil }
    let name = Array(hint[(last + 1)...])
    return name.isEmpty ? nil : name
  }
}
