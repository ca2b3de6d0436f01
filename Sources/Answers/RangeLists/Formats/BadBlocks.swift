import Bytes

/// A list of badblocks(8): a block number on each line.
struct BadBlocks: LineFormat {
  static let name = "badblocks"

  /// badblocks's own default.
  private static let usualBlockSize: UInt64 = 1024

  private let blockSize: UInt64

  init(_ options: ListOptions) { blockSize = options.blockSize ?? Self.usualBlockSize }

  /// The numbers of a list could also be sectors, so the size of a block must be given.
  static func recognizes(_ line: ListLine, _ options: ListOptions) -> Bool {
    var line = line
    return options.blockSize != nil && line.word().decimal != nil && line.isAtEnd
  }

  mutating func read(_ line: ListLine, into list: inout RangeListBuilder) throws(ListProblem) {
    var line = line
    guard let block = line.word().decimal, line.isAtEnd else { throw ListProblem("not the number of a block") }
    list.unit = blockSize
    try list.add(block.times(blockSize), length: blockSize, line: line.number)
  }
}
