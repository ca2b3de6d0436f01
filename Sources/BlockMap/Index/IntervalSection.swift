/// Finds the ranges of one disk that overlap a request.
///
/// The ranges are sorted by their start. Over them stands a pyramid: level 0 is their ends, and each value of a
/// level above is the maximum of 16 neighbours below. A search comes down from the top only where an end
/// reaches into the request, so that a few ranges that span the whole disk cost no scan of what lies between.
struct IntervalSection: Sendable {
  private static let fanOut = 16

  /// Where the disk's ranges are among all ranges.
  private let bounds: Range<Int>
  /// Where each level begins among the maxima, level 0 first.
  private let levels: [Int]

  /// A disk without ranges; `first` is where they would be.
  init(empty first: Int) {
    bounds = first..<first
    levels = []
  }

  init(_ ranges: [MappedRange], _ bounds: Range<Int>, maxima: inout [UInt64]) {
    self.bounds = bounds
    var levels = [maxima.count]
    for place in bounds { maxima.append(ranges[place].range.upperBound) }
    var below = maxima.count - bounds.count..<maxima.count
    while below.count > Self.fanOut {
      let start = maxima.count
      var first = below.lowerBound
      while first < below.upperBound {
        var greatest: UInt64 = 0
        for place in first..<min(first + Self.fanOut, below.upperBound) { greatest = max(greatest, maxima[place]) }
        maxima.append(greatest)
        first += Self.fanOut
      }
      levels.append(start)
      below = start..<maxima.count
    }
    self.levels = levels
  }

  /// Appends the places of the ranges that overlap `request`, in ascending order.
  func collect(
    _ request: Range<UInt64>, _ ranges: UnsafeBufferPointer<MappedRange>, _ maxima: UnsafeBufferPointer<UInt64>,
    into hits: inout [Int]
  ) {
    let candidates = countStarting(before: request.upperBound, ranges)
    guard candidates > 0, let top = levels.indices.last else { return }
    descend(level: top, block: 0, candidates, request.lowerBound, maxima, &hits)
  }

  /// How many of the disk's ranges start before `limit`.
  private func countStarting(before limit: UInt64, _ ranges: UnsafeBufferPointer<MappedRange>) -> Int {
    var first = bounds.lowerBound
    var count = bounds.count
    while count > 0 {
      let half = count / 2
      if ranges[first + half].range.lowerBound < limit {
        first += half + 1
        count -= half + 1
      } else {
        count = half
      }
    }
    return first - bounds.lowerBound
  }

  /// Looks through one block of 16 values of a level, of which those over the first `candidates` ranges count.
  private func descend(
    level: Int, block: Int, _ candidates: Int, _ lowerBound: UInt64, _ maxima: UnsafeBufferPointer<UInt64>,
    _ hits: inout [Int]
  ) {
    let shift = level * 4
    let valid = ((candidates - 1) >> shift) + 1
    let start = levels[level]
    for place in block * Self.fanOut..<min(block * Self.fanOut + Self.fanOut, valid)
    where maxima[start + place] > lowerBound {
      if level == 0 {
        hits.append(bounds.lowerBound + place)
      } else {
        descend(level: level - 1, block: place, candidates, lowerBound, maxima, &hits)
      }
    }
  }
}
