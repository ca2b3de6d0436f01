import Appliance
import Glibc
import SystemPackage

/// The reading end of a pipe that a program writes to.
struct OutputPipe {
  /// Nil after the end.
  private(set) var descriptor: Int32?
  private var buffer = [UInt8](repeating: 0, count: 1 << 18)

  /// With Linux's usual 64 KiB, a fast writer would wait more often.
  private static let pipeBytes: Int32 = 1 << 20
  /// `F_SETPIPE_SZ` of Linux, which Glibc's module leaves out.
  private static let setPipeSize: Int32 = 1031

  /// - Returns: the pipe, and its writing end.
  static func make() throws(MapperError) -> (OutputPipe, FileDescriptor) {
    let (reading, writing) = try privatePipe()
    _ = fcntl(reading.rawValue, F_SETFL, O_NONBLOCK)
    _ = fcntl(reading.rawValue, setPipeSize, pipeBytes)
    return (OutputPipe(descriptor: reading.rawValue), writing)
  }

  private init(descriptor: Int32) { self.descriptor = descriptor }

  /// Reads what is there, but not for ever.
  mutating func read(_ body: (UnsafeRawBufferPointer) -> Void) {
    for _ in 0..<16 {
      guard let descriptor else { return }
      let count = buffer.withUnsafeMutableBytes { Glibc.read(descriptor, $0.baseAddress, $0.count) }
      if count > 0 {
        buffer.withUnsafeBytes { body(UnsafeRawBufferPointer(rebasing: $0[..<count])) }
      } else if count == 0 || (errno != EAGAIN && errno != EINTR) {
        close()
      } else {
        return
      }
    }
  }

  /// Reads to the end, or until nothing comes for this long.
  /// - Parameter milliseconds: the longest pause.
  mutating func readRest(longestPause milliseconds: Int32, _ body: (UnsafeRawBufferPointer) -> Void) {
    while let descriptor {
      var state = pollfd(fd: descriptor, events: Int16(POLLIN), revents: 0)
      guard poll(&state, 1, milliseconds) != 0 else { return }
      read(body)
    }
  }

  mutating func close() {
    if let descriptor { Glibc.close(descriptor) }
    descriptor = nil
  }
}
