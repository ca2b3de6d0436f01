/// A format of lists. To add one: write a file like the others, and a line in `ListFormats`.
protocol ListFormat {
  /// The name for `--list-format`.
  static var name: String { get }

  init(_ options: ListOptions)

  /// Checks at the end that nothing is missing.
  mutating func finish(_ list: inout RangeListBuilder) throws(ListProblem)
}

extension ListFormat {
  mutating func finish(_ list: inout RangeListBuilder) throws(ListProblem) {}
}

/// A format with lines of text.
protocol LineFormat: ListFormat {
  /// Whether a list whose first line is this one is in the format. Empty lines do not count. The line can be a comment.
  static func recognizes(_ line: ListLine, _ options: ListOptions) -> Bool

  /// Reads a line that is neither empty nor a comment.
  mutating func read(_ line: ListLine, into list: inout RangeListBuilder) throws(ListProblem)
}

/// A format in JSON.
protocol JSONFormat: ListFormat {
  /// Whether a list whose first object is this one is in the format. Inner objects come before those that hold them.
  static func recognizes(_ record: JSONRecord) -> Bool

  mutating func read(_ record: JSONRecord, into list: inout RangeListBuilder) throws(ListProblem)
}

package enum ListFormats {
  /// In the order in which they are recognized. A text that is in no other format may be a kernel log.
  static var text: [any LineFormat.Type] {
    [DDRescue.self, NBDInfoText.self, PlainRanges.self, BadBlocks.self, Sectors.self]
  }
  static var json: [any JSONFormat.Type] { [NBDInfoJSON.self, QemuImg.self, VMware.self, AWS.self] }

  /// The names for `--list-format`.
  package static var names: [String] { Set(text.map { $0.name } + json.map { $0.name }).sorted() }

  /// For a message about a list in none of them.
  static var known: String { "a known format (\(names.joined(separator: ", ")))" }
}
