import Glibc
import Guestfs
import SystemPackage

extension Guestfs {
  /// Writes text to a file in the appliance, through a temporary file in the directory of this run.
  /// - Throws: `Errno` or `GuestfsError`.
  package func upload(text: String, name: String) throws {
    try upload(Array(text.utf8), name: name, mode: 0o644)
  }

  /// Writes bytes to a file in the appliance, through a temporary file in the directory of this run.
  /// - Throws: `Errno` or `GuestfsError`.
  package func upload(_ bytes: [UInt8], name: String, mode: Int32) throws {
    let file = FilePath(try temporaryDirectory).appending("upload")
    let output = try FileDescriptor.open(
      file, .writeOnly, options: [.create, .truncate, .closeOnExec], permissions: .ownerReadWrite)
    try output.closeAfter { _ = try output.writeAll(bytes) }
    try uploadToAppliance(file.string, name: name, mode: mode)
  }
}
