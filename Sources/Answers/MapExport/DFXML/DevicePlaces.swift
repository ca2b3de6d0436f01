import BlockMap

/// Where a device lies on the disks, for the offset in the device that a byte of a disk has.
struct DevicePlaces {
  /// Sorted by disk and start.
  private let ranges: [MappedRange]

  /// Nothing is known of a device that the map has no line for.
  init(of name: [UInt8], in map: BlockMap, _ objectRanges: ObjectRanges) {
    let candidates = Self.carriers(of: name).flatMap { carrier in
      [ObjectKind.logicalVolume, .partition, .disk].compactMap { kind in
        map.objects.find(kind: kind, device: carrier, path: nil)
      }
    }
    ranges = map.hasOffsets ? candidates.first.map { Array(objectRanges.ranges(of: $0)) } ?? [] : []
  }

  /// The device itself, or for a Btrfs subvolume `btrfsvol:DEVICE/PATH` every beginning that may be the device.
  private static func carriers(of name: [UInt8]) -> [[UInt8]] {
    let prefix = Array("btrfsvol:".utf8)
    guard name.starts(with: prefix) else { return [name] }
    let rest = Array(name.dropFirst(prefix.count))
    return rest.indices.filter { $0 > 0 && rest[$0] == UInt8(ascii: "/") }.prefix(8).map { Array(rest[..<$0]) }
  }

  /// The disk and the offset on it of a device that is in one piece; nil for any other.
  var start: (disk: UInt32, offset: UInt64)? {
    guard ranges.count == 1, ranges[0].objectOffset == 0 else { return nil }
    return (ranges[0].disk, ranges[0].range.lowerBound)
  }

  /// The offset in the device of a byte of a disk; nil if it is not known.
  func offset(disk: UInt32, _ byte: UInt64) -> UInt64? {
    // The first range that starts behind the byte.
    var (low, high) = (0, ranges.count)
    while low < high {
      let middle = (low + high) / 2
      if (ranges[middle].disk, ranges[middle].range.lowerBound) <= (disk, byte) {
        low = middle + 1
      } else {
        high = middle
      }
    }
    guard low > 0 else { return nil }
    let range = ranges[low - 1]
    guard range.disk == disk, range.range.contains(byte) else { return nil }
    let (offset, overflow) = range.objectOffset.addingReportingOverflow(byte - range.range.lowerBound)
    return overflow ? nil : offset
  }
}
