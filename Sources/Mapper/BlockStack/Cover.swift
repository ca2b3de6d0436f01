import Algorithms
import BlockMap
import Bytes

/// The disk ranges that a file covers, and which of the file's bytes each holds.
package struct Cover {
  /// Identifies ranges with the same relation of disk offset to file offset. The ranges of a key are sorted by disk
  /// offset and merged where they touch.
  private struct Key: Hashable {
    var disk: UInt32
    /// Disk offset minus file offset; 0 for encoded files, where file offsets mean nothing.
    var shift: UInt64
  }

  private let isEncoded: Bool
  private var ranges: [Key: [Range<UInt64>]] = [:]

  package init(_ all: [MappedRange], isEncoded: Bool) {
    self.isEncoded = isEncoded
    for range in all {
      ranges[key(range.disk, range.range.lowerBound, range.objectOffset), default: []].append(range.range)
    }
    for key in Array(ranges.keys) { ranges[key] = ranges[key, default: []].merged }
  }

  private func key(_ disk: UInt32, _ diskOffset: UInt64, _ offset: UInt64) -> Key {
    Key(disk: disk, shift: isEncoded ? 0 : diskOffset &- offset)
  }

  /// The first disk offset in `location` that no range covers; nil if all of it is covered.
  /// - Parameter offset: the file offset, in bytes, of the byte that `location` counts as offset 0.
  package func firstMissing(of location: DeviceTable.Location, from offset: UInt64) -> UInt64? {
    guard let disk = UInt32(exactly: location.disk) else { return location.range.lowerBound }
    let parts = ranges[key(disk, location.range.lowerBound, offset &+ location.offset), default: []]
    // The last range that starts at or before the location is the one before this.
    let next = parts.partitioningIndex { $0.lowerBound > location.range.lowerBound }
    guard next > 0, parts[next - 1].upperBound > location.range.lowerBound else { return location.range.lowerBound }
    return parts[next - 1].upperBound >= location.range.upperBound ? nil : parts[next - 1].upperBound
  }
}
