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

  /// A map has no room for more pieces of free space.
  private static let maximumRuns = 1 << 20
  private static let pieceBytes: UInt64 = 1 << 20

  /// The ranges of free blocks, as block numbers from 0.
  func freeRuns(on device: some DeviceBytes) throws -> [Range<UInt64>] {
    var runs: [Range<UInt64>] = []
    var start: UInt64?
    var block: UInt64 = 0
    func end(at block: UInt64) throws {
      if let first = start { runs.append(first..<block) }
      start = nil
      guard runs.count <= Self.maximumRuns else { throw SpaceError.tooManyPieces }
    }
    for piece in pieces {
      var offset = piece.lowerBound
      while offset < piece.upperBound, block < count {
        let bytes = try device.bytes(at: offset, count: Int(min(piece.upperBound - offset, Self.pieceBytes)))
        guard !bytes.isEmpty else { throw SpaceError.incomplete }
        offset += UInt64(bytes.count)
        for byte in bytes {
          guard block < count else { break }
          let free = freeBit == 1 ? byte : ~byte
          // Most bytes say the same about all their blocks.
          if free == 0 || free == 0xff, count - block >= 8 {
            if free == 0 { try end(at: block) } else if start == nil { start = block }
            block += 8
            continue
          }
          for bit in 0..<UInt8(min(8, count - block)) {
            let isFree = free >> (firstBit == .lowest ? bit : 7 - bit) & 1 == 1
            if !isFree { try end(at: block) } else if start == nil { start = block }
            block += 1
          }
        }
      }
    }
    guard block >= count else { throw SpaceError.incomplete }
    try end(at: count)
    return runs
  }

  /// The free blocks as areas of the device.
  /// - Parameters:
  ///   - start: the offset of the first block, in bytes.
  ///   - blockSize: in bytes.
  func freeAreas(on device: some DeviceBytes, start: UInt64, blockSize: UInt64) throws -> [DeviceArea] {
    try freeRuns(on: device).compactMap { run in
      guard let first = run.lowerBound.times(blockSize)?.plus(start),
        let end = run.upperBound.times(blockSize)?.plus(start)
      else { return nil }
      return DeviceArea(kind: .unallocated, range: first..<end)
    }
  }
}

/// Why the free space of a filesystem is not known.
enum SpaceError: Error, CustomStringConvertible {
  case tooManyPieces
  case incomplete

  var description: String {
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
