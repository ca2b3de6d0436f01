import Bytes

/// Ranges `A-B` as `virt-bmap lookup --range` takes them: B is exclusive.
struct PlainRanges: LineFormat {
  static let name = "ranges"

  init(_ options: ListOptions) {}

  static func recognizes(_ line: ListLine, _ options: ListOptions) -> Bool { range(line) != nil }

  private static func range(_ line: ListLine) -> (start: UInt64, end: UInt64)? {
    var line = line
    let word = line.word()
    guard line.isAtEnd, let dash = word.firstIndex(of: UInt8(ascii: "-")),
      let start = word[..<dash].byteCount, let end = word[(dash + 1)...].byteCount
    else { return nil }
    return (start, end)
  }

  mutating func read(_ line: ListLine, into list: inout RangeListBuilder) throws(ListProblem) {
    guard let range = Self.range(line), range.start < range.end else {
      throw ListProblem("not a range A-B with A below B")
    }
    try list.add(range.start, length: range.end - range.start, line: line.number)
  }
}
