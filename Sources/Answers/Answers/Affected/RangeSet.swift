/// Bytes of a disk, as ranges that are sorted and have gaps between them. Counts the bytes in any range quickly.
struct RangeSet {
  let ranges: [Range<UInt64>]
  /// How many bytes there are before each range; the last element is the number of all bytes.
  private let before: [UInt64]

  /// - Parameter ranges: in bytes; sorted, none empty, with gaps between them.
  init(_ ranges: [Range<UInt64>]) {
    self.ranges = ranges
    var before: [UInt64] = []
    before.reserveCapacity(ranges.count + 1)
    var sum: UInt64 = 0
    for range in ranges {
      before.append(sum)
      sum += range.upperBound - range.lowerBound
    }
    self.before = before + [sum]
  }

  var count: UInt64 { before.last ?? 0 }

  /// The index of the first range that ends after an offset; the number of ranges if there is none.
  /// - Parameter hint: an index near which it probably is. Neighbouring questions have neighbouring answers.
  func index(endingAfter offset: UInt64, hint: Int = 0) -> Int {
    var low = 0
    var high = ranges.count
    // Take larger and larger steps from the hint, and then halve the last one.
    if hint < ranges.count, ranges[hint].upperBound <= offset {
      low = hint + 1
      var step = 1
      while low + step < high, ranges[low + step - 1].upperBound <= offset {
        low += step
        step *= 2
      }
      high = min(high, low + step)
    } else if hint == 0 || hint <= ranges.count && ranges[hint - 1].upperBound <= offset {
      return hint
    } else {
      high = hint
    }
    while low < high {
      let middle = low + (high - low) / 2
      if ranges[middle].upperBound <= offset { low = middle + 1 } else { high = middle }
    }
    return low
  }

  /// How many of the bytes are in `range`.
  func count(in range: Range<UInt64>, hint: Int = 0) -> UInt64 {
    let first = index(endingAfter: range.lowerBound, hint: hint)
    let last = index(endingAfter: range.upperBound, hint: first)
    return count(below: range.upperBound, at: last) - count(below: range.lowerBound, at: first)
  }

  /// - Parameter index: of the first range that ends after the offset.
  private func count(below offset: UInt64, at index: Int) -> UInt64 {
    guard index < ranges.count, ranges[index].lowerBound < offset else { return before[index] }
    return before[index] + (offset - ranges[index].lowerBound)
  }

  /// Calls `body` with each part of the set that is in `range`, in order.
  func forEachPart(in range: Range<UInt64>, hint: Int = 0, _ body: (Range<UInt64>) -> Void) {
    var index = index(endingAfter: range.lowerBound, hint: hint)
    while index < ranges.count, ranges[index].lowerBound < range.upperBound {
      body(ranges[index].clamped(to: range))
      index += 1
    }
  }

  /// Calls `body` with each part of `range` that is not in the set, in order.
  func forEachGap(in range: Range<UInt64>, _ body: (Range<UInt64>) -> Void) {
    var position = range.lowerBound
    forEachPart(in: range) { part in
      if part.lowerBound > position { body(position..<part.lowerBound) }
      position = part.upperBound
    }
    if position < range.upperBound { body(position..<range.upperBound) }
  }
}
