import BlockStack
import Bytes

/// The free space of ext2, ext3 and ext4, as dumpe2fs(8) lists it, and what lies behind the filesystem on its device.
struct ExtFreeSpace {
  /// In bytes.
  private let blockSize: UInt64
  /// The size of a cluster in blocks: 1 without `bigalloc`.
  private let cluster: UInt64
  /// The size of the filesystem in blocks.
  private let blocks: UInt64?
  /// The size of the device in bytes.
  private let deviceSize: UInt64?
  /// The free ranges in bytes.
  private var ranges: [Range<UInt64>] = []

  /// - Parameter numbers: the header that `ExtMetadata.script` prints.
  init(numbers: ToolNumbers, blockSize: UInt64) {
    self.blockSize = blockSize
    cluster = max(1, (numbers["Cluster size"] ?? 0) / blockSize)
    blocks = numbers["Block count"]
    deviceSize = numbers["Device size"]
  }

  /// Adds the list of a group: `4773-8192, 8200`. With `bigalloc`, each number is the first block of a cluster.
  mutating func add(_ list: Substring) {
    for entry in list.parts(between: ",") {
      guard let range = ExtMetadata.range(entry.trimmed), let end = range.upperBound.plus(cluster - 1) else { continue }
      // The last cluster may extend beyond the end of the filesystem.
      add(range.lowerBound, min(end, blocks ?? end))
    }
  }

  private mutating func add(_ first: UInt64, _ end: UInt64) {
    guard let start = first.times(blockSize), let end = end.times(blockSize), start < end else { return }
    // Each group has its own list, so free space that crosses the border of two groups is in two ranges.
    if let last = ranges.last, last.upperBound == start {
      ranges[ranges.count - 1] = last.lowerBound..<end
    } else {
      ranges.append(start..<end)
    }
  }

  /// The free space, and what lies behind the filesystem's last block.
  func areas() -> [DeviceArea] {
    var areas = ranges.map { DeviceArea(kind: .unallocated, range: $0) }
    if let end = blocks?.times(blockSize), let deviceSize, end > 0, end < deviceSize {
      areas.append(DeviceArea(kind: .unallocated, range: end..<deviceSize))
    }
    return areas
  }
}
