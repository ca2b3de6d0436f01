import Glibc
import SystemPackage

/// A directory that only the user may enter, under $TMPDIR or /tmp, for the recorder's socket.
struct TemporaryDirectory {
  let path: FilePath

  init() throws(MapperError) {
    let parent = getenv("TMPDIR").map { String(cString: $0) } ?? "/tmp"
    var template = Array("\(parent)/virt-bmap-XXXXXX".utf8CString)
    guard mkdtemp(&template) != nil else {
      throw .missing("\(parent): no temporary directory can be made: \(String(cString: strerror(errno)))")
    }
    path = FilePath(bytes: template.dropLast().map { UInt8(bitPattern: $0) })
  }

  /// Removes the directory and the socket in it.
  func remove(socket: FilePath) {
    _ = socket.withPlatformString { unlink($0) }
    _ = path.withPlatformString { rmdir($0) }
  }
}
