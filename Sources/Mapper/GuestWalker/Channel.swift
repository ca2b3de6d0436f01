import CLinux
import Glibc
import WalkRecord

/// The channel disk: the walker writes records to it and reads answers from it. When a write returns, the recorder
/// has received it.
final class Channel {
  private let descriptor: Int32
  private var pending = RecordBuffer()
  private let output = AlignedBuffer(size: RecorderEvent.maximumChannelWrite)
  private let input = AlignedBuffer(size: Feedback.size)
  /// Well below the buffer size, so that one more record always fits.
  private static let fullAt = RecorderEvent.maximumChannelWrite / 2

  convenience init(path: String) throws(WalkError) {
    let descriptor = clinux_openat(AT_FDCWD, path, O_RDWR, 1)
    guard descriptor >= 0 else { throw .system(path) }
    self.init(descriptor: descriptor)
  }

  /// - Parameter descriptor: of the channel disk, which stays open until the process exits.
  init(descriptor: Int32) { self.descriptor = descriptor }

  /// Queues a record that may wait for the next `flush`.
  func note(_ record: Record) throws(WalkError) {
    do {
      try pending.append(record)
    } catch {
      throw WalkError(error.description)
    }
    if pending.bytes.count >= Self.fullAt { try flush() }
  }

  /// Sends a record that the recorder must have before the next read.
  func say(_ record: Record) throws(WalkError) {
    try note(record)
    try flush()
  }

  func flush() throws(WalkError) {
    guard !pending.isEmpty else { return }
    let bytes = pending.padded()
    pending.clear()
    output.bytes.copyBytes(from: bytes)
    guard pwrite(descriptor, output.bytes.baseAddress, bytes.count, 0) == bytes.count else {
      throw .system("the channel")
    }
  }

  /// Asks the recorder which chunks since the last question had ambiguous reads.
  /// - Returns: the numbers of those chunks.
  func ask() throws(WalkError) -> [UInt32] {
    try flush()
    guard pread(descriptor, input.bytes.baseAddress, Feedback.size, off_t(Feedback.position)) == Feedback.size,
      let feedback = Feedback(UnsafeRawBufferPointer(input.bytes))
    else { throw .system("the channel's answer") }
    return feedback.ambiguous
  }
}
