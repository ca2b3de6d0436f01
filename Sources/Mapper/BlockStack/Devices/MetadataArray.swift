import Bytes

/// An array as device-mapper's persistent data library stores it, with values of eight bytes: a B-tree whose values are
/// the blocks with the array's values.
struct MetadataArray {
  let read: (UInt64) throws -> [UInt8]

  private static let seed: UInt32 = 595_846_735
  private static let headerBytes = 24
  private static let valuesPerBlock = (ThinMetadata.blockBytes - headerBytes) / 8

  /// Calls `body` with each index and its value, in order. Throws if there are not exactly `count` values.
  /// - Parameter root: a block number.
  func forEach(root: UInt64, count: UInt64, _ body: (UInt64, UInt64) throws -> Void) throws {
    var index: UInt64 = 0
    try MetadataTree(read: read).forEach(root: root) { key, number in
      let block = try read(number)
      let values = block.little(at: 8, width: 4)
      guard ThinMetadata.hasChecksum(block, Self.seed), block.little(at: 16, width: 8) == number,
        block.little(at: 12, width: 4) == 8, key == index / UInt64(Self.valuesPerBlock),
        values == min(count - index, UInt64(Self.valuesPerBlock)), values > 0
      else { throw ThinMetadata.Failure.damaged(block: number) }
      for position in 0..<Int(values) {
        try body(index, block.little(at: Self.headerBytes + 8 * position, width: 8))
        index += 1
      }
    }
    guard index == count else { throw ThinMetadata.Failure.damaged(block: root) }
  }
}
