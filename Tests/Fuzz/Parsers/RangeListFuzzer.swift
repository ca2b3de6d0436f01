@testable import RangeLists

extension ParserFuzzer {
  /// A list of ranges. The first byte chooses the format, or that it must be recognized.
  static let rangeList = ParserFuzzer("range-list") { bytes in
    let names = ListFormats.names
    let chosen = Int(bytes.first ?? 0) & 0xf
    let options = ListOptions(
      format: chosen < names.count ? names[chosen] : nil, blockSize: chosen == names.count ? 4096 : nil)
    var list: RangeList
    do throws(ListError) {
      list = try RangeListReader(options).read(Array(bytes.dropFirst()))
    } catch {
      try check(!error.description.isEmpty, "an error that says nothing")
      return
    }
    try checkRanges(list.ranges)
    try check(list.count >= list.ranges.count, "\(list.ranges.count) ranges from \(list.count)")
    let size: UInt64 = 1 << 20
    guard (try? list.fit(toDiskOf: size)) != nil else { return }
    try checkRanges(list.ranges)
    try check(list.ranges.last.map { $0.upperBound <= size } ?? true, "beyond the end of the disk")
  }

  private static func checkRanges(_ ranges: [Range<UInt64>]) throws {
    try check(ranges.allSatisfy { !$0.isEmpty }, "an empty range")
    for (range, next) in zip(ranges, ranges.dropFirst()) {
      try check(range.upperBound < next.lowerBound, "\(range) and \(next) are not apart")
    }
  }
}
