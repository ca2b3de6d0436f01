import DiskImage
import NBDKit
import WalkRecord

/// A disk whose reads are recorded. Its readers see what is written to it, which is lost when the server ends.
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
    // Clients must not round their reads up to more than the sector they asked for.
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

/// A disk as it was before the appliance wrote to it. Reads are not recorded.
final class OriginalConnection: Connection {
  private let disk: any VirtualDisk

  init(disk: any VirtualDisk, size: UInt64) { (self.disk, self.size) = (disk, size) }

  let size: UInt64

  var capabilities: Capabilities { Capabilities() }

  func read(into buffer: UnsafeMutableRawBufferPointer, at offset: UInt64) throws {
    try disk.read(into: buffer, at: offset)
  }
}

/// The export that receives the walker's records and answers its questions.
final class ChannelConnection: Connection {
  private let stream: EventStream

  init(stream: EventStream) { self.stream = stream }

  /// In bytes; larger than any write by the walker.
  let size: UInt64 = 4 << 20

  var capabilities: Capabilities {
    var capabilities = Capabilities()
    capabilities.canWrite = true
    return capabilities
  }

  /// The blocks at `Feedback.position` and `Verdict.position` are questions. Any other read, such as the kernel's
  /// search for a partition table, returns zeros.
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
