import NBDKit
import WalkRecord

/// A disk whose reads are recorded. What is written to it is seen by its readers and gone with the server.
final class DiskConnection: Connection {
  private let overlay: WriteOverlay
  private let number: UInt8
  private let stream: EventStream

  init(size: UInt64, overlay: WriteOverlay, number: UInt8, stream: EventStream) {
    self.size = size
    self.overlay = overlay
    self.number = number
    self.stream = stream
  }

  let size: UInt64

  var capabilities: Capabilities {
    var capabilities = Capabilities()
    capabilities.canMultiConn = true
    capabilities.canWrite = true
    capabilities.canFlush = true
    // A client must not round its reads up to anything larger than the sector they asked for.
    capabilities.blockSize = Capabilities.BlockSize(minimum: 1, preferred: 512, maximum: 32 << 20)
    return capabilities
  }

  func read(into buffer: UnsafeMutableRawBufferPointer, at offset: UInt64) throws {
    let length = UInt32(truncatingIfNeeded: buffer.count)
    do {
      try overlay.read(into: buffer, at: offset)
    } catch {
      try stream.unreadable(disk: number, offset: offset, length: length)
      throw error
    }
    try stream.read(disk: number, offset: offset, length: length)
  }

  func write(_ buffer: UnsafeRawBufferPointer, at offset: UInt64, fua: Bool) throws {
    try overlay.write(buffer, at: offset)
    try stream.written(disk: number, offset: offset, length: UInt32(truncatingIfNeeded: buffer.count))
  }
}

/// The disk that takes the walker's records and answers its questions.
final class ChannelConnection: Connection {
  private let stream: EventStream

  init(stream: EventStream) { self.stream = stream }

  /// Larger than any write of the walker's.
  let size: UInt64 = 4 << 20

  var capabilities: Capabilities {
    var capabilities = Capabilities()
    capabilities.canWrite = true
    return capabilities
  }

  /// The blocks at `Feedback.position` and `Verdict.position` are questions; whoever else reads, such as the kernel in search
  /// of a partition table, finds zeros.
  func read(into buffer: UnsafeMutableRawBufferPointer, at offset: UInt64) throws {
    guard let address = buffer.baseAddress else { return }
    address.initializeMemory(as: UInt8.self, repeating: 0, count: buffer.count)
    if offset == Verdict.position, buffer.count == Verdict.size, stream.isRefusing {
      buffer.copyBytes(from: Verdict.stop)
    }
    guard offset == Feedback.position, buffer.count == Feedback.size else { return }
    buffer.copyBytes(from: stream.takeFeedback().encoded)
  }

  func write(_ buffer: UnsafeRawBufferPointer, at offset: UInt64, fua: Bool) throws {
    guard offset == 0 else { throw PluginError(errno: .invalid, "a write to the channel at offset \(offset)") }
    try stream.channelWrite(buffer)
  }
}
