import BlockStack
import Bytes

/// A bitmap with a bit for each block or cluster of a filesystem.
struct AllocationBitmap {
  /// The bit of a byte that stands for the first block.
  enum FirstBit {
    case lowest, highest
  }

  /// Where the bitmap is, in bytes of the device, in order.
  var pieces: [Range<UInt64>]
  /// How many bits it has.
  var count: UInt64
  var firstBit = FirstBit.lowest
  /// The value of the bit of a free block.
  var freeBit: UInt8 = 0

  /// The free blocks as areas of the device.
  /// - Parameters:
  ///   - start: the offset of the first block, in bytes.
  ///   - blockSize: in bytes.
  func freeAreas(on device: some DeviceBytes, start: UInt64, blockSize: UInt64) throws -> [DeviceArea] {
    var free = UnitRuns(start: start, unit: blockSize)
    var block: UInt64 = 0
    for piece in pieces {
      // What is behind the last bit is not read.
      let bytesLeft = (count - min(block, count) + 7) / 8
      let end = min(piece.upperBound, piece.lowerBound.plus(bytesLeft) ?? .max)
      try device.read(piece.lowerBound..<end) { bytes in
        for byte in bytes {
          try add(freeBit == 1 ? byte : ~byte, at: block, to: &free)
          block += 8
        }
      }
    }
    guard block >= count else { throw SpaceError.incomplete }
    return free.ranges.map { DeviceArea(kind: .unallocated, range: $0) }
  }

  /// Adds the free ones of eight blocks.
  /// - Parameter bits: a 1 stands for a free block.
  private func add(_ bits: UInt8, at block: UInt64, to free: inout UnitRuns) throws {
    let blocks = min(8, count - block)
    // Most bytes say the same about all their blocks.
    if bits == 0 { return }
    if bits == 0xff { return try free.add(block, count: blocks) }
    for bit in 0..<UInt8(blocks) where bits >> (firstBit == .lowest ? bit : 7 - bit) & 1 == 1 {
      try free.add(block + UInt64(bit))
    }
  }
}

/// Why the free space of a filesystem is not known.
package enum SpaceError: Error, CustomStringConvertible {
  case tooManyPieces
  case incomplete

  package var description: String {
    switch self {
    case .tooManyPieces: "it is in too many pieces"
    case .incomplete: "the filesystem's tables are incomplete"
    }
  }
}

extension [DeviceArea] {
  /// Adds what lies behind the end of a filesystem on its device as free space.
  /// - Parameter end: the offset of the filesystem's end, in bytes.
  mutating func addSpace(behind end: UInt64?, on device: some DeviceBytes) {
    guard let end, end < device.size else { return }
    append(DeviceArea(kind: .unallocated, range: end..<device.size))
  }
}
