import Bytes

/// A mapfile of GNU ddrescue. Source: its manual, "Mapfile structure" (1.27).
///
/// The first line has a position, the status of the run and, since 1.22, the number of the pass. Each line after it is
/// a block: position, size and status.
package struct DDRescue: LineFormat {
  static let name = "ddrescue"

  /// What a block's status can be.
  private static let statuses = Array("?*/-+".utf8)

  /// The same for a message.
  package static let statusList = "? * / - +"

  /// Whether these are characters that a block's status can be.
  package static func areStatuses(_ characters: [UInt8]) -> Bool {
    !characters.isEmpty && characters.allSatisfy { statuses.contains($0) }
  }

  /// The blocks that ddrescue tried to read and could not.
  private static let unread = Array("-*/".utf8)
  private static let statusesOfRun = Array("?*/-FG+".utf8)

  private let chosen: [UInt8]
  private var hasStatusLine = false
  /// Where the last block ended.
  private var end: UInt64?

  init(_ options: ListOptions) { chosen = options.statuses ?? Self.unread }

  static func recognizes(_ line: ListLine, _ options: ListOptions) -> Bool {
    if line.isAtEnd {
      let text = line.text
      return ["# Mapfile. Created by GNU ddrescue", "# Rescue Logfile. Created by GNU ddrescue"].contains {
        text.starts(with: $0.utf8)
      }
    }
    return isStatusLine(line)
  }

  private static func isStatusLine(_ line: ListLine) -> Bool {
    var line = line
    guard line.word().integerLiteral != nil, let status = line.status, statusesOfRun.contains(status) else {
      return false
    }
    return line.isAtEnd || line.word().decimal != nil && line.isAtEnd
  }

  mutating func read(_ line: ListLine, into list: inout RangeListBuilder) throws(ListProblem) {
    guard hasStatusLine else {
      guard Self.isStatusLine(line) else {
        throw ListProblem("not the status line of a ddrescue mapfile: a position, a status and a pass")
      }
      hasStatusLine = true
      return
    }
    var line = line
    guard let start = line.word().integerLiteral, let size = line.word().integerLiteral, let status = line.status,
      Self.statuses.contains(status), line.isAtEnd
    else {
      throw ListProblem("not a block of a ddrescue mapfile: position, size and status, one of \(Self.statusList)")
    }
    guard end.map({ $0 == start }) ?? true else {
      throw ListProblem("the block does not begin where the one before it ends")
    }
    guard let next = start.plus(size) else { throw ListProblem("the block does not fit in 64 bits") }
    end = next
    list.describedEnd = next
    // The size of a raw image is rounded up to sectors.
    list.unit = 512
    if chosen.contains(status) { try list.add(start, length: size, line: line.number) }
  }

  mutating func finish(_ list: inout RangeListBuilder) throws(ListProblem) {
    guard hasStatusLine else { throw ListProblem("the ddrescue mapfile ends before its status line") }
    guard end != nil else { throw ListProblem("the ddrescue mapfile ends before its first block") }
  }
}

extension ListLine {
  /// The next word, if it is a single character.
  fileprivate var status: UInt8? {
    mutating get {
      let word = word()
      return word.count == 1 ? word.first : nil
    }
  }
}
