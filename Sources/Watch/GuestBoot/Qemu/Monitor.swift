import Glibc
import SystemPackage

/// Qemu's monitor, over its machine protocol (QMP): one JSON object a line, over a pair of sockets. Commands are only
/// sent. What qemu answers is read and dropped, so that qemu never waits for a reader.
struct Monitor {
  private let descriptor: FileDescriptor
  private var isOpen = true

  /// - Returns: the monitor, and the other end of it, for qemu.
  static func make() throws(Errno) -> (Monitor, FileDescriptor) {
    var ends: [Int32] = [-1, -1]
    let type = Int32(SOCK_STREAM.rawValue) | Int32(SOCK_CLOEXEC.rawValue)
    guard socketpair(AF_UNIX, type, 0, &ends) == 0 else { throw Errno(rawValue: errno) }
    _ = fcntl(ends[0], F_SETFL, O_NONBLOCK)
    var monitor = Monitor(descriptor: FileDescriptor(rawValue: ends[0]))
    // Before this, every other command is an error. Qemu reads it when it is ready.
    monitor.send("qmp_capabilities")
    return (monitor, FileDescriptor(rawValue: ends[1]))
  }

  private init(descriptor: FileDescriptor) { self.descriptor = descriptor }

  /// Presses the machine's power button.
  mutating func powerDown() { send("system_powerdown") }

  /// Ends qemu, as if the machine was switched off.
  mutating func quit() { send("quit") }

  private mutating func send(_ command: String) {
    let line = Array("{\"execute\":\"\(command)\"}\n".utf8)
    // A qemu that has ended, or reads nothing, is found out elsewhere.
    _ = line.withUnsafeBytes { Glibc.send(descriptor.rawValue, $0.baseAddress, $0.count, Int32(MSG_NOSIGNAL)) }
  }

  /// Drops what qemu has sent.
  mutating func drain() {
    var buffer = [UInt8](repeating: 0, count: 4096)
    while isOpen {
      let count = buffer.withUnsafeMutableBytes { recv(descriptor.rawValue, $0.baseAddress, $0.count, 0) }
      if count > 0 { continue }
      if count == 0 { isOpen = false }
      return
    }
  }

  mutating func close() {
    isOpen = false
    try? descriptor.close()
  }

  /// What to poll, or nil when qemu has closed its end.
  var pollDescriptor: Int32? { isOpen ? descriptor.rawValue : nil }
}
