import Glibc
import SystemPackage

/// A temporary file without a name, so that nothing is left behind. It is under `$TMPDIR` or /var/tmp.
struct UnnamedFile {
  private let descriptor: FileDescriptor

  /// - Throws: `OutputError`.
  init() throws {
    let named = getenv("TMPDIR").map { String(cString: $0) } ?? ""
    let directory = named.isEmpty ? "/var/tmp" : named
    var template = Array("\(directory)/virt-bmap-XXXXXX".utf8CString)
    let number = mkstemp(&template)
    guard number >= 0 else {
      throw OutputError("\(directory): no temporary file can be made: \(Errno(rawValue: errno))")
    }
    unlink(template)
    _ = fcntl(number, F_SETFD, FD_CLOEXEC)
    descriptor = FileDescriptor(rawValue: number)
  }

  /// The name under which this process can open the file.
  var path: FilePath { FilePath("/dev/fd/\(descriptor.rawValue)") }

  func close() { try? descriptor.close() }
}
