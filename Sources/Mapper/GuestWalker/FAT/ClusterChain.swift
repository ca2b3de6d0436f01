/// The clusters of a directory on FAT32, which a table links.
struct ClusterChain: Equatable {
  /// The number of the first cluster.
  let first: UInt64
  /// The table, in bytes of the device.
  let table: Range<UInt64>
  /// The offset on the device of the first cluster of all, which has the number 2, in bytes.
  let clusters: UInt64
  let clusterBytes: UInt64

  private static let entryBytes: UInt64 = 4
  private static let firstNumber: UInt64 = 2
  /// The kernel reads no larger directory, in bytes.
  private static let maximumBytes: UInt64 = 2 << 20

  /// The clusters in order, in bytes of the device. Clusters that follow one another are one range.
  /// - Parameter entry: reads an entry of the table at an offset on the device; nil if it cannot be read.
  func ranges(_ entry: (UInt64) -> UInt32?) -> [Range<UInt64>] {
    var result: [Range<UInt64>] = []
    var next = first
    var left = clusterBytes > 0 ? Self.maximumBytes / clusterBytes : 0
    let count = (table.upperBound - table.lowerBound) / Self.entryBytes
    while left > 0, next >= Self.firstNumber, next < count {
      let start = clusters + (next - Self.firstNumber) * clusterBytes
      if let last = result.last, last.upperBound == start {
        result[result.count - 1] = last.lowerBound..<start + clusterBytes
      } else {
        result.append(start..<start + clusterBytes)
      }
      guard let link = entry(table.lowerBound + next * Self.entryBytes) else { return [] }
      // The upper four bits are reserved. Numbers that are too large mark the end.
      next = UInt64(link & 0xfff_ffff)
      left -= 1
    }
    return result
  }
}
