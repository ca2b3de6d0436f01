/// Adds up what the bytes of disks are used for.
enum SpaceSweep {
  /// - Parameters:
  ///   - ranges: sorted by disk and start, and within their disks.
  ///   - sizes: the sizes of the disks, the first disk first.
  /// - Returns: the totals of each disk.
  static func totals(
    of ranges: [MappedRange], sizes: [UInt64], kind: (ObjectID) -> ObjectKind
  ) -> [SpaceTotals] {
    var result: [SpaceTotals] = []
    var first = 0
    for (index, size) in sizes.enumerated() {
      while first < ranges.count, Int(ranges[first].disk) < index + 1 { first += 1 }
      var end = first
      while end < ranges.count, Int(ranges[end].disk) == index + 1 { end += 1 }
      result.append(totals(of: ranges[first..<end], size: size, kind: kind))
      first = end
    }
    return result
  }

  private static func totals(
    of ranges: ArraySlice<MappedRange>, size: UInt64, kind: (ObjectID) -> ObjectKind
  ) -> SpaceTotals {
    var sweep = DiskSweep(size: size)
    for range in ranges {
      guard let use = SpaceUse(kind(range.object)) else { continue }
      sweep.add(range.range, use)
    }
    return sweep.finish()
  }
}

/// Goes from the start of a disk to its end.
private struct DiskSweep {
  /// The end of a range that covers the current position.
  private struct End: Comparable {
    var offset: UInt64
    var use: SpaceUse

    static func < (a: End, b: End) -> Bool { a.offset < b.offset }
  }

  private let size: UInt64
  private var totals = SpaceTotals()
  private var position: UInt64 = 0
  private var ends = Heap<End>()
  /// How many ranges of each use cover the current position.
  private var active = [Int](repeating: 0, count: SpaceUse.allCases.count)

  init(size: UInt64) { self.size = size }

  /// - Parameter range: does not start before the one that was added last.
  mutating func add(_ range: Range<UInt64>, _ use: SpaceUse) {
    advance(to: range.lowerBound)
    active[use.rawValue] += 1
    ends.insert(End(offset: range.upperBound, use: use))
  }

  mutating func finish() -> SpaceTotals {
    advance(to: size)
    return totals
  }

  private mutating func advance(to offset: UInt64) {
    while let next = ends.first, next.offset <= offset {
      count(to: next.offset)
      active[next.use.rawValue] -= 1
      _ = ends.removeFirst()
    }
    count(to: offset)
  }

  /// Counts the bytes up to an offset, which are all used for the same.
  private mutating func count(to offset: UInt64) {
    let end = min(offset, size)
    guard end > position else { return }
    let use = active.firstIndex { $0 > 0 }.flatMap(SpaceUse.init) ?? .unaccounted
    totals[use] += end - position
    position = end
  }
}
