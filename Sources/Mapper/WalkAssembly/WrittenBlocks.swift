import BlockStack

/// What the appliance has written to the guest's disks, which keep what they had: to replay a journal, for example.
///
/// Memory: about 20 bytes a block.
package struct WrittenBlocks {
  private struct Block: Hashable {
    var disk: UInt8
    var number: UInt64
  }

  private static let blockSize: UInt64 = 4096
  private var blocks: Set<Block> = []

  package init() {}

  /// - Parameters:
  ///   - offset: in bytes of the disk.
  ///   - length: in bytes.
  package mutating func add(disk: UInt8, offset: UInt64, length: UInt32) {
    let (end, overflow) = offset.addingReportingOverflow(UInt64(length))
    guard !overflow, length > 0 else { return }
    for number in offset / Self.blockSize...(end - 1) / Self.blockSize {
      blocks.insert(Block(disk: disk, number: number))
    }
  }

  /// Whether the disk has other bytes there than the appliance.
  package func overlap(_ place: DeviceTable.Place) -> Bool {
    guard !blocks.isEmpty, !place.range.isEmpty, let disk = UInt8(exactly: place.disk) else { return false }
    return (place.range.lowerBound / Self.blockSize...(place.range.upperBound - 1) / Self.blockSize).contains {
      blocks.contains(Block(disk: disk, number: $0))
    }
  }
}
