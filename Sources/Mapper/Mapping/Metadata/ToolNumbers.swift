import Bytes

/// The numbers in what a tool prints as `NAME: NUMBER`, a line each, with anything behind the number.
struct ToolNumbers {
  private var values: [Substring: UInt64] = [:]

  /// - Parameter separator: what stands between name and number.
  init(_ lines: some Sequence<Substring>, separator: Unicode.Scalar = ":") {
    for line in lines {
      let parts = line.parts(between: separator, maxSplits: 1, omittingEmptySubsequences: false)
      guard parts.count == 2, let number = parts[1].fields.first.flatMap({ UInt64($0) }) else { continue }
      // Where a name comes twice the first was the guest's: labels come first.
      values[parts[0].trimmed] = number
    }
  }

  subscript(_ name: Substring) -> UInt64? { values[name] }
}
