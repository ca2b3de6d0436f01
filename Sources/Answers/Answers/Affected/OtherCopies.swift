import BlockMap
import Bytes

/// Finds bytes that are stored somewhere else, too (RAID 1 and 10, mirrored volumes, Btrfs).
///
/// All bytes of a device with the same offset on the device are copies of each other. The same holds for two ranges of
/// a file, a directory or named metadata that have the same offset and the same length: Btrfs keeps its copies itself.
/// Ranges of a file that only overlap are no copies. If a part of a compressed extent was overwritten, the rest of its
/// compressed data can have offsets that the new data has, too.
struct OtherCopies {
  private let map: BlockMap
  private let list: RangeSet
  private let disk: UInt32
  private var found: [Range<UInt64>] = []
  /// How many more parts of the list are looked at. A map can say that everything is a copy of everything; beyond this,
  /// no copies are found.
  private var budget: Int

  /// Those of the bytes of `list` of which another copy is not in it.
  /// - Parameters:
  ///   - list: bytes of `disk`.
  ///   - disk: the number of the disk, from 1.
  static func bytes(of list: RangeSet, disk: Int, in map: BlockMap) -> RangeSet {
    // Without offsets, nothing shows what is a copy.
    guard map.hasOffsets, let disk = UInt32(exactly: disk) else { return RangeSet([]) }
    var copies = OtherCopies(map: map, list: list, disk: disk)
    copies.search()
    return RangeSet(copies.found.merged)
  }

  private init(map: BlockMap, list: RangeSet, disk: UInt32) {
    (self.map, self.list, self.disk) = (map, list, disk)
    budget = 1 << 24 + 4 * list.ranges.count
  }

  private mutating func search() {
    var isHit = [Bool](repeating: false, count: map.objects.count)
    var hint = 0
    for range in map.ranges where range.disk == disk {
      hint = list.index(endingAfter: range.range.lowerBound, hint: hint)
      guard hint < list.ranges.count else { break }
      if list.ranges[hint].lowerBound < range.range.upperBound { isHit[Int(range.object.rawValue)] = true }
    }
    let ranges = ObjectRanges(map)
    for object in map.objects.ids where isHit[Int(object.rawValue)] && mayHaveCopies(object) {
      let own = ranges.ranges(of: object)
      guard own.count > 1 else { continue }
      let sorted = own.sorted { ($0.objectOffset, $0.objectEnd) < ($1.objectOffset, $1.objectEnd) }
      if map.objects.kind(of: object).isDevice {
        compare(sorted[...])
      } else {
        compareEqual(sorted)
      }
    }
  }

  private func mayHaveCopies(_ object: ObjectID) -> Bool {
    switch map.objects.kind(of: object) {
    case .file, .directory: true
    // What is stored for a single file besides its data can be several things with the same offset.
    case .metadata: map.objects.withPath(of: object) { $0?.first != UInt8(ascii: "/") }
    case let kind: kind.isDevice
    }
  }

  /// Compares ranges of an object that have the same offset and length.
  private mutating func compareEqual(_ sorted: [MappedRange]) {
    var start = 0
    for end in 1...sorted.count {
      if end < sorted.count, sorted[end].objectOffset == sorted[start].objectOffset,
        sorted[end].objectEnd == sorted[start].objectEnd
      {
        continue
      }
      if end - start > 1 { compare(sorted[start..<end]) }
      start = end
    }
  }

  /// Adds the bytes of these ranges that are in the list, if another range has the same offset outside of the list.
  /// - Parameter ranges: of one object, sorted by offset.
  private mutating func compare(_ ranges: ArraySlice<MappedRange>) {
    guard zip(ranges, ranges.dropFirst()).contains(where: { $1.objectOffset < $0.objectEnd }) else { return }
    // The offsets that have a copy outside of the list.
    var outside: [Range<UInt64>] = []
    for range in ranges {
      guard budget > 0 else { return }
      if range.disk == disk {
        list.forEachGap(in: range.range) {
          outside.append(range.offsets(of: $0))
          budget -= 1
        }
      } else {
        outside.append(range.offsets(of: range.range))
      }
    }
    let others = RangeSet(outside.merged)
    for range in ranges where range.disk == disk {
      guard budget > 0 else { return }
      list.forEachPart(in: range.range) { part in
        others.forEachPart(in: range.offsets(of: part)) { offsets in
          budget -= 1
          let start = range.range.lowerBound + (offsets.lowerBound - range.objectOffset)
          found.append(start..<start + (offsets.upperBound - offsets.lowerBound))
        }
      }
    }
  }
}

extension MappedRange {
  /// Where the range ends in its object. The reader of maps has checked that this fits.
  fileprivate var objectEnd: UInt64 { objectOffset &+ (range.upperBound - range.lowerBound) }

  /// The offsets of a part of the range in the object.
  fileprivate func offsets(of part: Range<UInt64>) -> Range<UInt64> {
    let start = objectOffset &+ (part.lowerBound - range.lowerBound)
    return start..<start &+ (part.upperBound - part.lowerBound)
  }
}
