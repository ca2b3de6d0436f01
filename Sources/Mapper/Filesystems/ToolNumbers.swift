import Bytes

/// The numbers that a tool prints as `NAME: NUMBER`, one per line. Any text may follow the number.
package struct ToolNumbers {
  private var values: [Substring: UInt64] = [:]

  /// - Parameter separator: the character between the name and the number.
  package init(_ lines: some Sequence<Substring>, separator: Unicode.Scalar = ":") {
    for line in lines {
      let parts = line.parts(between: separator, maxSplits: 1, omittingEmptySubsequences: false)
      guard parts.count == 2, let number = parts[1].fields.first.flatMap({ UInt64($0) }) else { continue }
      // The last value wins: tools print labels, which the guest controls, before the numbers.
      values[parts[0].trimmed] = number
    }
  }

  package subscript(_ name: Substring) -> UInt64? { values[name] }
}
