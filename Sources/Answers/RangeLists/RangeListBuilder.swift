import Bytes

/// Collects the ranges of a list: 16 bytes for each, and nothing for one that continues the range before it.
struct RangeListBuilder {
  /// The most ranges that are kept apart.
  static let maximum = 1 << 26

  private var list = RangeList()

  /// What the list counts in, in bytes.
  var unit: UInt64 {
    get { list.unit }
    set { list.unit = newValue }
  }

  /// Where the part of the disk ends that the list describes, in bytes.
  var describedEnd: UInt64? {
    get { list.describedEnd }
    set { list.describedEnd = newValue }
  }

  /// Adds a range; an empty one adds nothing.
  /// - Parameters:
  ///   - start: in bytes, as `length`.
  ///   - line: the line that it is on, from 1.
  /// - Throws: `ListProblem` if it ends beyond 64 bits, or there are too many.
  mutating func add(_ start: UInt64?, length: UInt64?, line: Int) throws(ListProblem) {
    guard let start, let length, let end = start.plus(length) else {
      throw ListProblem("the range does not fit in 64 bits")
    }
    guard length > 0 else { return }
    list.count += 1
    if end > list.end { (list.end, list.lineOfEnd) = (end, line) }
    if let last = list.ranges.last, start >= last.lowerBound, start <= last.upperBound {
      list.ranges[list.ranges.count - 1] = last.lowerBound..<max(last.upperBound, end)
      return
    }
    guard list.ranges.count < Self.maximum else { throw ListProblem("more than \(Self.maximum) ranges") }
    list.ranges.append(start..<end)
  }

  func finish(format: String?) -> RangeList {
    var result = list
    result.format = format
    result.ranges = list.ranges.merged
    return result
  }
}
