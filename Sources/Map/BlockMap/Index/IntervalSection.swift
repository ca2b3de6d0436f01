/// Finds the ranges of one disk that overlap a request, however they overlap one another.
///
/// The ranges are sorted by their start. Over them stands a pyramid: each value of a level is the hull of 16 neighbours
/// below. A search comes down from the top only where a hull meets the request, so that a few ranges that span the
/// whole disk cost no scan of what lies between.
struct IntervalSection: Sendable {
  /// The least start and the greatest end of some ranges.
  struct Hull: Sendable {
    var start: UInt64
    var end: UInt64
  }

  /// A range that overlaps a request, by its place among all ranges.
  struct Hit: Sendable {
    var range: Range<UInt64>
    var place: Int
  }

  private static let fanOut = 16

  /// Where the disk's ranges are among all ranges.
  private let bounds: Range<Int>
  /// Where each level is among the hulls, the lowest first.
  private let levels: [Range<Int>]

  /// The pyramid over the ranges of one disk, which are at `bounds` of `ranges`; its hulls go to `hulls`.
  init(_ ranges: [MappedRange], _ bounds: Range<Int>, hulls: inout [Hull]) {
    self.bounds = bounds
    var levels: [Range<Int>] = []
    let lowest = hulls.count
    for block in stride(from: bounds.lowerBound, to: bounds.upperBound, by: Self.fanOut) {
      let first = ranges[block].range
      var hull = Hull(start: first.lowerBound, end: first.upperBound)
      for place in block..<min(block + Self.fanOut, bounds.upperBound) {
        hull.end = max(hull.end, ranges[place].range.upperBound)
      }
      hulls.append(hull)
    }
    var below = lowest..<hulls.count
    levels.append(below)
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

  /// Appends the ranges that overlap `request`, in the order of their places.
  func collect(
    _ request: Range<UInt64>, _ ranges: Span<MappedRange>, _ hulls: Span<Hull>, into hits: inout [Hit]
  ) {
    descend(levels.count - 1, 0, request, ranges, hulls, &hits)
  }

  /// Looks through one block of 16 of a level; those of level -1 are the ranges.
  private func descend(
    _ level: Int, _ block: Int, _ request: Range<UInt64>, _ ranges: Span<MappedRange>, _ hulls: Span<Hull>,
    _ hits: inout [Hit]
  ) {
    guard level >= 0 else {
      let start = bounds.lowerBound + block * Self.fanOut
      for place in start..<min(start + Self.fanOut, bounds.upperBound) {
        let range = ranges[place].range
        if range.lowerBound >= request.upperBound { return }
        if range.upperBound > request.lowerBound { hits.append(Hit(range: range, place: place)) }
      }
      return
    }
    let places = levels[level]
    let start = places.lowerBound + block * Self.fanOut
    for place in start..<min(start + Self.fanOut, places.upperBound) {
      let hull = hulls[place]
      if hull.start >= request.upperBound { return }
      if hull.end <= request.lowerBound { continue }
      descend(level - 1, place - places.lowerBound, request, ranges, hulls, &hits)
    }
  }
}
