import ArgumentParser

/// How many rows of a table are shown.
enum RowLimit: ExpressibleByArgument, Equatable {
  case all
  case some(Int)

  init?(argument: String) {
    guard argument != "all" else {
      self = .all
      return
    }
    guard let count = Int(argument), count >= 0 else { return nil }
    self = .some(count)
  }

  var defaultValueDescription: String {
    switch self {
    case .all: "all"
    case .some(let count): String(count)
    }
  }

  /// The rows that are shown.
  func rows<Row>(of rows: [Row]) -> ArraySlice<Row> {
    switch self {
    case .all: rows[...]
    case .some(let count): rows.prefix(count)
    }
  }
}
