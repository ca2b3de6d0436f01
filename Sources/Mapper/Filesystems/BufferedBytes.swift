/// A device that is read in larger pieces, for many small reads near each other.
final class BufferedBytes<Device: DeviceBytes>: DeviceBytes {
  private let device: Device
  private var buffer: [UInt8] = []
  /// The offset of the buffer on the device, in bytes.
  private var start: UInt64 = 0
  private let pieceBytes: UInt64 = 64 << 10

  init(_ device: Device) { self.device = device }

  var size: UInt64 { device.size }

  func bytes(at offset: UInt64, count: Int) throws -> [UInt8] {
    guard offset <= size, count >= 0, UInt64(count) < pieceBytes, UInt64(count) <= size - offset else {
      return try device.bytes(at: offset, count: count)
    }
    if offset < start || offset - start + UInt64(count) > UInt64(buffer.count) {
      buffer = try device.bytes(at: offset, count: Int(min(pieceBytes, size - offset)))
      start = offset
    }
    let first = Int(offset - start)
    return Array(buffer[first..<first + count])
  }
}
