import BlockMap
import BlockStack
import Bytes

/// A part of a device that nothing in the map explains.
struct MapGap: Equatable {
  /// An offset on a disk, in bytes.
  struct Place: Hashable {
    var disk: Int
    var offset: UInt64
  }

  /// In bytes of the device.
  var range: Range<UInt64>
  /// Where it begins and where it ends on the disks.
  var start: Place
  var end: Place

  /// All gaps of a device, sorted. A part that is stored more than once is a gap if any of its copies is.
  /// - Parameters:
  ///   - locations: the ranges of the disks that hold the device.
  ///   - contents: all that the map has on the device, sorted by disk and start.
  static func all(in locations: [DeviceTable.Location], _ contents: [MappedRange]) -> [MapGap] {
    var gaps: [MapGap] = []
    for (disk, parts) in Dictionary(grouping: locations, by: \.disk) {
      let parts = parts.sorted { $0.range.lowerBound < $1.range.lowerBound }
      let known = contents.lazy.filter { Int($0.disk) == disk }.map(\.range)
      var next = 0
      for range in parts.map(\.range).subtracting(Array(known)) {
        while next < parts.count, parts[next].range.upperBound <= range.lowerBound { next += 1 }
        guard next < parts.count, range.lowerBound >= parts[next].range.lowerBound,
          let start = parts[next].offset.plus(range.lowerBound - parts[next].range.lowerBound),
          let end = start.plus(range.upperBound - range.lowerBound)
        else { continue }
        gaps.append(
          MapGap(
            range: start..<end, start: Place(disk: disk, offset: range.lowerBound),
            end: Place(disk: disk, offset: range.upperBound)))
      }
    }
    return joined(gaps)
  }

  private static func joined(_ gaps: [MapGap]) -> [MapGap] {
    var result: [MapGap] = []
    for gap in gaps.sorted(by: { $0.range.lowerBound < $1.range.lowerBound }) {
      guard let last = result.last, gap.range.lowerBound <= last.range.upperBound else {
        result.append(gap)
        continue
      }
      if gap.range.upperBound > last.range.upperBound {
        result[result.count - 1].range = last.range.lowerBound..<gap.range.upperBound
        result[result.count - 1].end = gap.end
      }
    }
    return result
  }
}
