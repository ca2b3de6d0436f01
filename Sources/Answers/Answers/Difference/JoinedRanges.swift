import BlockMap

/// The ranges of an object, with those that continue each other joined. Two maps may divide the same extent in
/// different ways.
struct JoinedRanges<Ranges: Sequence<MappedRange>>: Sequence, IteratorProtocol {
  private var rest: Ranges.Iterator
  private var pending: MappedRange?
  private let hasOffsets: Bool

  /// - Parameter hasOffsets: whether the offsets in the object are known. Otherwise all of them are 0.
  init(_ ranges: Ranges, hasOffsets: Bool) {
    rest = ranges.makeIterator()
    self.hasOffsets = hasOffsets
    pending = take()
  }

  mutating func next() -> MappedRange? {
    guard var joined = pending else { return nil }
    pending = take()
    while let range = pending, continues(joined, range) {
      joined.range = joined.range.lowerBound..<range.range.upperBound
      pending = take()
    }
    return joined
  }

  private mutating func take() -> MappedRange? {
    guard var range = rest.next() else { return nil }
    if !hasOffsets { range.objectOffset = 0 }
    return range
  }

  private func continues(_ before: MappedRange, _ range: MappedRange) -> Bool {
    guard before.disk == range.disk, before.range.upperBound == range.range.lowerBound else { return false }
    let length = before.range.upperBound - before.range.lowerBound
    return !hasOffsets || before.objectOffset &+ length == range.objectOffset
  }
}

extension Sequence<MappedRange> {
  /// Whether both lie in the same places. The objects may belong to different maps.
  func lieAs(_ others: some Sequence<MappedRange>) -> Bool {
    elementsEqual(others) { $0.disk == $1.disk && $0.range == $1.range && $0.objectOffset == $1.objectOffset }
  }

  /// How many bytes they have together, modulo 2^64. Every copy of the same data counts.
  var bytes: UInt64 { reduce(0) { $0 &+ ($1.range.upperBound - $1.range.lowerBound) } }
}
