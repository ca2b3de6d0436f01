import Screen

/// What the user has chosen with keys.
package struct ViewState: Sendable, Equatable {
  package var query = LiveQuery()
  package var isPaused = false
  package var showsHelp = false
  /// The first row of the table that is shown.
  package var firstRow = 0
  /// `q` was pressed.
  package var isOver = false

  package init() {}

  /// - Parameter page: how many rows the table has on the screen.
  package mutating func press(_ key: Key, page: Int) {
    switch key {
    case .character(let byte): press(byte, page: page)
    case .up: scroll(by: -1)
    case .down: scroll(by: 1)
    case .pageUp: scroll(by: -page)
    case .pageDown: scroll(by: page)
    case .home: firstRow = 0
    // Only as far as rows were asked for.
    case .end: scroll(by: query.limit)
    case .other: break
    }
  }

  private mutating func press(_ byte: UInt8, page: Int) {
    switch byte {
    case UInt8(ascii: "q"), UInt8(ascii: "Q"): isOver = true
    case UInt8(ascii: "h"), UInt8(ascii: "?"): showsHelp.toggle()
    case UInt8(ascii: " "), UInt8(ascii: "p"): isPaused.toggle()
    case UInt8(ascii: "f"): show(.files)
    case UInt8(ascii: "d"): show(.directories)
    case UInt8(ascii: "v"): show(.devices)
    case UInt8(ascii: "k"): show(.kinds)
    case 0x09: showNextTable()
    case UInt8(ascii: "s"): sort(by: .rate)
    case UInt8(ascii: "r"): sort(by: .read)
    case UInt8(ascii: "w"): sort(by: .written)
    case UInt8(ascii: "c"): sort(by: .requests)
    case UInt8(ascii: "l"): sort(by: .last)
    // Escape leaves the help.
    case 0x1b: showsHelp = false
    default: break
    }
  }

  private mutating func show(_ table: LiveTable) {
    query.table = table
    firstRow = 0
  }

  private mutating func showNextTable() {
    let all = LiveTable.allCases
    show(all.firstIndex(of: query.table).map { all[($0 + 1) % all.count] } ?? .files)
  }

  private mutating func sort(by order: LiveOrder) {
    query.order = order
    firstRow = 0
  }

  /// More rows than that are not made.
  private static let mostRows = 10_000

  private mutating func scroll(by rows: Int) {
    firstRow = min(max(0, firstRow + rows), Self.mostRows)
  }

  /// Adapts the rows that are asked for to what is on the screen.
  package mutating func fit(page: Int, rowCount: Int) {
    firstRow = min(firstRow, max(0, rowCount - page))
    query.limit = min(firstRow + 2 * max(page, 1), Self.mostRows)
  }
}
