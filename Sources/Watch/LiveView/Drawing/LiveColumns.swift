import Screen

/// The columns of the table that fit into the width of a screen.
struct LiveColumns {
  /// A column of numbers.
  enum Column: CaseIterable {
    case readRate, writeRate, read, written, requests

    var title: String {
      switch self {
      case .readRate: "READ/s"
      case .writeRate: "WRITE/s"
      case .read: "READ"
      case .written: "WRITTEN"
      case .requests: "REQS"
      }
    }

    func value(_ row: LiveSnapshot.Row) -> String {
      switch self {
      case .readRate: row.readRate == 0 ? "" : Compact.bytes(row.readRate)
      case .writeRate: row.writeRate == 0 ? "" : Compact.bytes(row.writeRate)
      case .read: row.read == 0 ? "" : Compact.bytes(row.read)
      case .written: row.written == 0 ? "" : Compact.bytes(row.written)
      case .requests: Compact.number(row.requests)
      }
    }
  }

  private(set) var shown: [Column]
  /// What is left for the name, in columns.
  let nameWidth: Int

  /// Of each column, with the space behind it.
  static let width = 8
  /// Names get at least this.
  private static let leastName = 12

  /// Leaves out columns that the rows are not sorted by if there is no room for all.
  init(columns: Int, order: LiveOrder) {
    let sorted: Column =
      switch order {
      case .rate, .last: .readRate
      case .read: .read
      case .written: .written
      case .requests: .requests
      }
    let important = [sorted] + [.read, .readRate, .written, .writeRate, .requests].filter { $0 != sorted }
    let room = max(0, columns - Self.leastName) / Self.width
    let kept = important.prefix(room)
    shown = Column.allCases.filter { kept.contains($0) }
    nameWidth = max(0, columns - shown.count * Self.width)
  }

  /// A number at the right of its column.
  static func cell(_ text: String) -> String {
    String(repeating: " ", count: max(0, width - 1 - text.utf8.count)) + text + " "
  }
}
