/// A table in columns for people. All columns but the last are aligned to the right.
struct AlignedTable {
  private var rows: [[String]] = []

  mutating func add(_ row: [String]) { rows.append(row) }

  /// The table, with this many spaces before each line.
  func text(indent: Int) -> String {
    let columns = rows.map(\.count).max() ?? 0
    let widths = (0..<columns).map { column in
      rows.lazy.map { column < $0.count ? $0[column].count : 0 }.max() ?? 0
    }
    return rows.map { row in
      let cells = row.enumerated().map { column, cell in
        column == columns - 1 ? cell : String(repeating: " ", count: widths[column] - cell.count) + cell
      }
      let line = cells.joined(separator: "  ")
      return String(repeating: " ", count: indent) + String(line.reversed().drop { $0 == " " }.reversed()) + "\n"
    }.joined()
  }
}
