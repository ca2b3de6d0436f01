extension [Range<UInt64>] {
  /// The parts of these ranges that none of the others covers. Both are sorted by their starts; these ranges do not
  /// overlap, but the others may.
  package func subtracting(_ others: [Range<UInt64>]) -> [Range<UInt64>] {
    var result: [Range<UInt64>] = []
    var next = 0
    // The end of the others before `next`.
    var covered: UInt64 = 0
    for range in self {
      var position = Swift.max(range.lowerBound, covered)
      while position < range.upperBound, next < others.count, others[next].lowerBound < range.upperBound {
        let other = others[next]
        next += 1
        if other.lowerBound > position { result.append(position..<other.lowerBound) }
        covered = Swift.max(covered, other.upperBound)
        position = Swift.max(position, covered)
      }
      if position < range.upperBound { result.append(position..<range.upperBound) }
    }
    return result
  }

  /// The same bytes in as few ranges as possible, sorted.
  package var merged: [Range<UInt64>] {
    var result: [Range<UInt64>] = []
    for range in sorted(by: { $0.lowerBound < $1.lowerBound }) {
      if let last = result.last, range.lowerBound <= last.upperBound {
        result[result.count - 1] = last.lowerBound..<Swift.max(last.upperBound, range.upperBound)
      } else {
        result.append(range)
      }
    }
    return result
  }
}
