/// Finds the ranges of one disk that overlap a request.
///
/// The ranges are sorted by their start. Over them stands a pyramid: level 0 is their bounds, and each value of
/// a level above is the hull of 16 neighbours below. A search comes down from the top only where a hull meets
/// the request, so that a few ranges that span the whole disk cost no scan of what lies between, and what it
/// reads is a few neighbours a level instead of places all over the memory.
struct IntervalSection: Sendable {
  /// The least start and the greatest end of some ranges.
  struct Hull: Sendable {
    var start: UInt64
    var end: UInt64
  }

  private static let fanOut = 16

  /// Where the disk's ranges begin among all ranges.
  private let first: Int
  /// Where each level is among the hulls, level 0 first.
  private let levels: [Range<Int>]

  /// A disk without ranges.
  init() {
    first = 0
    levels = []
  }

  /// The pyramid over the ranges of one disk, which are at `bounds` of `ranges`; its hulls go to `hulls`.
  init(_ ranges: [MappedRange], _ bounds: Range<Int>, hulls: inout [Hull]) {
    first = bounds.lowerBound
    var below = hulls.count..<hulls.count + bounds.count
    for range in ranges[bounds] {
      hulls.append(Hull(start: range.range.lowerBound, end: range.range.upperBound))
    }
    var levels = [below]
    while below.count > Self.fanOut {
      let start = hulls.count
      for block in stride(from: below.lowerBound, to: below.upperBound, by: Self.fanOut) {
        var hull = hulls[block]
        for place in block..<min(block + Self.fanOut, below.upperBound) { hull.end = max(hull.end, hulls[place].end) }
        hulls.append(hull)
      }
      below = start..<hulls.count
      levels.append(below)
    }
    self.levels = levels
  }

  /// A range that overlaps a request: its bounds, and its place among all ranges.
  struct Hit: Sendable {
    var hull: Hull
    var place: Int
  }

  /// Appends the ranges that overlap `request`, in the order of their places.
  func collect(_ request: Range<UInt64>, _ hulls: UnsafeBufferPointer<Hull>, into hits: inout [Hit]) {
    levels.withUnsafeBufferPointer { levels in
      descend(levels.count - 1, 0, levels, request, hulls, &hits)
    }
  }

  /// Looks through one block of 16 hulls of a level.
  private func descend(
    _ level: Int, _ block: Int, _ levels: UnsafeBufferPointer<Range<Int>>, _ request: Range<UInt64>,
    _ hulls: UnsafeBufferPointer<Hull>, _ hits: inout [Hit]
  ) {
    guard level >= 0 else { return }
    let bounds = levels[level]
    let start = bounds.lowerBound + block * Self.fanOut
    for place in start..<min(start + Self.fanOut, bounds.upperBound) {
      let hull = hulls[place]
      if hull.start >= request.upperBound { return }
      if hull.end <= request.lowerBound { continue }
      if level == 0 {
        hits.append(Hit(hull: hull, place: first + place - bounds.lowerBound))
      } else {
        descend(level - 1, place - bounds.lowerBound, levels, request, hulls, &hits)
      }
    }
  }
}
