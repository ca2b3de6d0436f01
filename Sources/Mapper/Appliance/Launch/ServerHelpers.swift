import Bytes
import Glibc
import SystemPackage

/// What a server said, as far as anybody will read it: a disk full of errors makes it say the same for hours.
package func firstLines(of file: FilePath) -> [String] {
  guard let descriptor = try? FileDescriptor.open(file, .readOnly) else { return [] }
  defer { try? descriptor.close() }
  var text = [UInt8](repeating: 0, count: 1 << 16)
  let count = text.withUnsafeMutableBytes { (try? descriptor.read(into: $0)) ?? 0 }
  return String(decoding: text[..<count], as: UTF8.self).lines.map(String.init)
}

/// A pipe of which no other program inherits an end: the server that is given one is the only one to write to it, and its
/// end is seen at the other.
package func privatePipe() throws(MapperError) -> (reading: FileDescriptor, writing: FileDescriptor) {
  do {
    let (reading, writing) = try FileDescriptor.pipe()
    for end in [reading, writing] { _ = fcntl(end.rawValue, F_SETFD, FD_CLOEXEC) }
    return (reading, writing)
  } catch {
    throw .recorder("no pipe: \(error)")
  }
}

/// Whether a server has ended, and so closed its end of a pipe.
package func hasEnded(_ life: FileDescriptor) -> Bool {
  var state = pollfd(fd: life.rawValue, events: 0, revents: 0)
  return poll(&state, 1, 0) > 0
}

/// Waits until a server is ready. Its socket appears before it accepts connections, so this waits for its PID file.
/// - Parameters:
///   - pidFile: the server writes it when it is ready.
///   - life: a pipe; the server holds the other end.
/// - Returns: false if the server has ended.
package func serverIsReady(_ pidFile: FilePath, life: FileDescriptor) async throws -> Bool {
  while pidFile.withPlatformString({ access($0, F_OK) }) != 0 {
    if hasEnded(life) { return false }
    try await Task.sleep(for: .milliseconds(10))
  }
  return true
}
