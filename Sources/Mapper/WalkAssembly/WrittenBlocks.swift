import BlockStack
import WalkRecord

/// The blocks that the appliance has written, for example to replay a journal. The guest's disks themselves do not
/// change, so they differ from what the appliance sees in these blocks.
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

  /// Whether the appliance may see different bytes in this range than the disk has, because it has written to one of
  /// its blocks.
  package func overlap(_ location: DeviceTable.Location) -> Bool {
    guard !blocks.isEmpty, !location.range.isEmpty, let disk = UInt8(exactly: location.disk) else { return false }
    return (location.range.lowerBound / Self.blockSize...(location.range.upperBound - 1) / Self.blockSize).contains {
      blocks.contains(Block(disk: disk, number: $0))
    }
  }

  /// Whether the appliance has written to each block of this range.
  func cover(_ location: ChunkReads.DiskRange) -> Bool {
    guard !blocks.isEmpty, !location.range.isEmpty else { return false }
    return (location.range.lowerBound / Self.blockSize...(location.range.upperBound - 1) / Self.blockSize).allSatisfy {
      blocks.contains(Block(disk: location.disk, number: $0))
    }
  }
}
