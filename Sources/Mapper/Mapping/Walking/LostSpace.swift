import BlockMap
import BlockStack
import Bytes
import Filesystems

/// What a filesystem says is in use but nothing in the map explains, once its files, its metadata and its free space
/// are in the map.
///
/// If nothing explains any part of a unit (a block or a cluster), the unit is lost: a check of the filesystem would
/// free it. The rest of a unit belongs to the file that has a part of it.
struct LostSpace {
  /// The rest of a unit, and the object that has a part of it.
  struct Rest: Equatable {
    var object: ObjectID
    /// In bytes of the device.
    var range: Range<UInt64>
    /// The offset in the object, in bytes.
    var offset: UInt64
  }

  /// The rests of units of files.
  private(set) var rests: [Rest] = []
  /// Lost units, and the rests of other units.
  private(set) var areas: [DeviceArea] = []

  /// The name of the rest of a unit that holds metadata or a part of a directory.
  private static let padding = "cluster padding"

  /// - Parameters:
  ///   - contents: all that the map has on the device, sorted by disk and start.
  ///   - locations: the ranges of the disks that hold the device.
  ///   - isFile: whether an object is a file, or space that is allocated to one.
  init(
    _ units: AllocationUnits, contents: [MappedRange], locations: [DeviceTable.Location], isFile: (ObjectID) -> Bool
  ) {
    let gaps = MapGap.all(in: locations, contents).filter { $0.range.overlaps(units.range) }
    // The neighbours are needed only of gaps that do not begin and end with a unit.
    let starts = Set(gaps.lazy.filter { !units.isBorder($0.range.lowerBound) }.map(\.start))
    let ends = Set(gaps.lazy.filter { !units.isBorder($0.range.upperBound) }.map(\.end))
    var before: [MapGap.Place: [MappedRange]] = [:]
    var behind: [MapGap.Place: [MappedRange]] = [:]
    if !starts.isEmpty || !ends.isEmpty {
      for range in contents where isFile(range.object) {
        let start = MapGap.Place(disk: Int(range.disk), offset: range.range.lowerBound)
        let end = MapGap.Place(disk: Int(range.disk), offset: range.range.upperBound)
        if starts.contains(end) { before[end, default: []].append(range) }
        if ends.contains(start) { behind[start, default: []].append(range) }
      }
    }
    for gap in gaps { add(gap.range, units, before: before[gap.start] ?? [], behind: behind[gap.end] ?? []) }
  }

  /// - Parameters:
  ///   - before: what ends where the gap begins.
  ///   - behind: what begins where the gap ends.
  private mutating func add(
    _ gap: Range<UInt64>, _ units: AllocationUnits, before: [MappedRange], behind: [MappedRange]
  ) {
    let gap = gap.clamped(to: units.range)
    // Between the two are whole units.
    let first = min(gap.upperBound, units.border(atOrBehind: gap.lowerBound))
    let last = max(first, units.border(atOrBefore: gap.upperBound))
    addRest(gap.lowerBound..<first, before: before, behind: first == gap.upperBound ? behind : [])
    areas.add(units.nameOfLost, at: first, count: last - first, offset: first)
    addRest(last..<gap.upperBound, before: [], behind: behind)
  }

  private mutating func addRest(_ range: Range<UInt64>, before: [MappedRange], behind: [MappedRange]) {
    let size = range.upperBound - range.lowerBound
    guard size > 0 else { return }
    for part in before {
      let length = part.range.upperBound - part.range.lowerBound
      rests.append(Rest(object: part.object, range: range, offset: part.objectOffset &+ length))
    }
    guard before.isEmpty else { return }
    for part in behind {
      rests.append(Rest(object: part.object, range: range, offset: part.objectOffset - min(part.objectOffset, size)))
    }
    if behind.isEmpty { areas.add(Self.padding, at: range.lowerBound, count: size, offset: range.lowerBound) }
  }
}
