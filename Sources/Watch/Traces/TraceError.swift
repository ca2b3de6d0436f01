/// Why a trace cannot be read. The description says it without the name of the file.
package struct TraceError: Error, Equatable, CustomStringConvertible {
  package let description: String

  /// - Parameter line: the number of the line or record, from 1.
  package init(line: Int, _ reason: String) { description = "line \(line): \(reason)" }

  package init(_ reason: String) { description = reason }
}

/// What is wrong with a line or a record of a trace.
struct TraceProblem: Error {
  let reason: String

  init(_ reason: String) { self.reason = reason }
}
