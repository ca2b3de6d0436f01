import Bytes

/// What `aws ebs list-changed-blocks` prints: numbers of blocks, and after them their size. A long list is several such
/// objects.
struct AWS: JSONFormat {
  static let name = "aws"

  /// The blocks of the current object.
  private var blocks: [(number: UInt64, line: Int)] = []
  private var hasMore = false

  init(_ options: ListOptions) {}

  static func recognizes(_ record: JSONRecord) -> Bool { record[.blockIndex] != nil || record[.blockSize] != nil }

  mutating func read(_ record: JSONRecord, into list: inout RangeListBuilder) throws(ListProblem) {
    if record[.blockIndex] != nil {
      guard blocks.count < RangeListBuilder.maximum else {
        throw ListProblem("more than \(RangeListBuilder.maximum) blocks")
      }
      return blocks.append((try record.number(.blockIndex), record.line))
    }
    guard record[.blockSize] != nil else { return }
    let size = try record.number(.blockSize)
    guard (1...ListOptions.largestBlock).contains(size) else {
      throw ListProblem("\"BlockSize\" is not between 1 and \(ListOptions.largestBlock)")
    }
    list.unit = max(list.unit, size)
    for block in blocks { try list.add(block.number.times(size), length: size, line: block.line) }
    blocks.removeAll(keepingCapacity: true)
    hasMore = record[.nextToken].map { $0 != .null } ?? false
  }

  mutating func finish(_ list: inout RangeListBuilder) throws(ListProblem) {
    guard blocks.isEmpty else { throw ListProblem("there is no \"BlockSize\" after the blocks") }
    guard !hasMore else { throw ListProblem("the last page has a \"NextToken\": add the pages after it") }
  }
}
