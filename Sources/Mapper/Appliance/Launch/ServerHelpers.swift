import Bytes
import CLinux
import Glibc
import SystemPackage

/// Returns the lines in the first 64 KiB of a server's log. If a disk is full of errors, the server can repeat the
/// same message for hours.
package func firstLines(of file: FilePath) -> [String] {
  guard let descriptor = try? FileDescriptor.open(file, .readOnly) else { return [] }
  defer { try? descriptor.close() }
  var text = [UInt8](repeating: 0, count: 1 << 16)
  let count = text.withUnsafeMutableBytes { (try? descriptor.read(into: $0)) ?? 0 }
  return String(decoding: text[..<count], as: UTF8.self).lines.map(String.init)
}

/// Makes a pipe whose ends are not inherited by other programs. So only the server that is given an end holds it,
/// and when the server exits, the other end shows it.
package func privatePipe() throws(MapperError) -> (reading: FileDescriptor, writing: FileDescriptor) {
  var ends: [Int32] = [-1, -1]
  // Another thread may start a program at any moment, so the ends must never be inheritable.
  guard clinux_private_pipe(&ends) == 0 else { throw .recorder("no pipe: \(String(cString: strerror(errno)))") }
  return (FileDescriptor(rawValue: ends[0]), FileDescriptor(rawValue: ends[1]))
}

/// Whether a server has exited, and so closed its end of a pipe.
package func hasEnded(_ life: FileDescriptor) -> Bool {
  var state = pollfd(fd: life.rawValue, events: 0, revents: 0)
  return poll(&state, 1, 0) > 0
}

/// Waits until a server is ready. Its socket appears before it accepts connections, so this waits for its PID file.
/// - Parameters:
///   - pidFile: the file that the server writes when it is ready.
///   - life: a pipe whose other end the server holds.
/// - Returns: false if the server has exited.
package func serverIsReady(_ pidFile: FilePath, life: FileDescriptor) async throws -> Bool {
  while pidFile.withPlatformString({ access($0, F_OK) }) != 0 {
    if hasEnded(life) { return false }
    try await Task.sleep(for: .milliseconds(10))
  }
  return true
}
