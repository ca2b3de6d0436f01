/// Why a log cannot be read. The description is for a message that begins with the name of the log.
package struct LogError: Error, CustomStringConvertible, Equatable {
  /// The line with the fault, from 1; nil if it is not about one line.
  package let line: Int?
  package let reason: String

  package var description: String { line.map { "line \($0): \(reason)" } ?? reason }

  init(line: Int?, _ reason: String) {
    self.line = line
    self.reason = reason
  }
}

/// Why a line does not follow the format.
package struct LineProblem: Error {
  package let reason: String

  package init(_ reason: String) { self.reason = reason }
}
