import Glibc
import SystemPackage

/// The bytes of a trace, of which only those that have not been consumed are in memory.
struct TraceSource: ~Copyable {
  private static let usualBytes = 512 << 10
  /// The longest line. The logger ends a line of its JSON log at about 16 MiB.
  private static let mostBytes = 32 << 20

  private let descriptor: FileDescriptor?
  private var buffer: UnsafeMutableRawBufferPointer
  private var consumed = 0
  private var filled = 0
  private(set) var isAtEnd = false

  /// - Parameter descriptor: of a file or a pipe; stays open.
  init(_ descriptor: FileDescriptor) {
    self.descriptor = descriptor
    buffer = .allocate(byteCount: Self.usualBytes, alignment: 16)
  }

  init(_ bytes: [UInt8]) {
    descriptor = nil
    buffer = .allocate(byteCount: max(1, bytes.count), alignment: 16)
    buffer.copyBytes(from: bytes)
    filled = bytes.count
    isAtEnd = true
  }

  deinit { buffer.deallocate() }

  /// What has been read and not consumed. Valid until the next call of `fill`.
  var bytes: UnsafeRawBufferPointer { UnsafeRawBufferPointer(rebasing: buffer[consumed..<filled]) }

  mutating func consume(_ count: Int) { consumed += min(count, filled - consumed) }

  /// Whether the next `fill` would have to wait for somebody to write more.
  /// - Parameter milliseconds: how long to wait before saying so.
  func isIdle(for milliseconds: Int32) -> Bool {
    guard let descriptor, !isAtEnd else { return false }
    var state = pollfd(fd: descriptor.rawValue, events: Int16(POLLIN), revents: 0)
    return poll(&state, 1, milliseconds) == 0
  }

  /// Reads more bytes.
  /// - Parameter line: the number of the line at the start of `bytes`, for a message.
  /// - Throws: `TraceError` if this fails, or if a line is too long.
  mutating func fill(line: Int) throws(TraceError) {
    guard let descriptor, !isAtEnd else { return }
    try makeRoom(line)
    do {
      let count = try descriptor.read(into: UnsafeMutableRawBufferPointer(rebasing: buffer[filled...]))
      filled += count
      isAtEnd = count == 0
    } catch {
      throw TraceError("cannot read: \(error as? Errno ?? .ioError)")
    }
  }

  private mutating func makeRoom(_ line: Int) throws(TraceError) {
    if consumed > 0, let base = buffer.baseAddress {
      memmove(base, base + consumed, filled - consumed)
      (filled, consumed) = (filled - consumed, 0)
    }
    guard filled == buffer.count else { return }
    guard filled < Self.mostBytes else { throw TraceError(line: line, "longer than \(Self.mostBytes >> 20) MiB") }
    let larger = UnsafeMutableRawBufferPointer.allocate(byteCount: 2 * filled, alignment: 16)
    larger.copyMemory(from: UnsafeRawBufferPointer(buffer))
    buffer.deallocate()
    buffer = larger
  }
}
