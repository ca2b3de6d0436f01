import BlockStack
import Bytes
import Filesystems
import Guestfs

/// Reads a device in pieces, and keeps the last ones.
final class CachedDevice {
  let device: any DeviceBytes
  private var kept: [UInt64: [UInt8]] = [:]
  private var order: [UInt64] = []
  private var readBytes: UInt64 = 0

  private static let pieceBytes: UInt64 = 256 << 10
  private static let maximumKept = 256
  /// The most bytes that are read, four times the largest metadata of a pool that LVM makes.
  private static let maximumBytes: UInt64 = 64 << 30

  init(_ device: any DeviceBytes) { self.device = device }

  /// A block of the metadata of a thin pool or a cache.
  func block(_ number: UInt64) throws -> [UInt8] {
    let count = UInt64(ThinMetadata.blockBytes)
    guard let start = number.times(count), let end = start.plus(count), end <= device.size else {
      throw ThinMetadata.Failure.damaged(block: number)
    }
    return try bytes(at: start, count: Int(count))
  }

  func bytes(at offset: UInt64, count: Int) throws -> [UInt8] {
    var result: [UInt8] = []
    while result.count < count {
      let position = offset + UInt64(result.count)
      let piece = try piece(position / Self.pieceBytes)
      let start = Int(position % Self.pieceBytes)
      guard start < piece.count else { throw GuestfsError("a read beyond the device's end") }
      result += piece[start..<min(piece.count, start + count - result.count)]
    }
    return result
  }

  private func piece(_ number: UInt64) throws -> [UInt8] {
    if let piece = kept[number] { return piece }
    guard readBytes < Self.maximumBytes else { throw ThinMetadata.Failure.tooLarge }
    let start = number * Self.pieceBytes
    let count = min(Self.pieceBytes, device.size - min(device.size, start))
    let piece = try device.bytes(at: start, count: Int(count))
    readBytes += count
    if order.count >= Self.maximumKept { kept[order.removeFirst()] = nil }
    kept[number] = piece
    order.append(number)
    return piece
  }
}
