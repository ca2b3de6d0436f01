/// Splits a program's output at bytes.
///
/// `split` compares grapheme clusters, so it would miss a space or a newline that is followed by a combining mark in a
/// name, and a newline after a carriage return.
extension StringProtocol {
  /// The lines that are not empty.
  package var lines: [Substring] { parts(between: "\n") }

  /// The fields between spaces and tabs.
  package var fields: [Substring] { Substring(self).utf8.split(whereSeparator: isBlank).map(Substring.init) }

  /// - Parameter separator: an ASCII character.
  package func parts(
    between separator: Unicode.Scalar, maxSplits: Int = .max, omittingEmptySubsequences: Bool = true
  ) -> [Substring] {
    Substring(self).utf8.split(
      separator: UInt8(ascii: separator), maxSplits: maxSplits, omittingEmptySubsequences: omittingEmptySubsequences
    ).map(Substring.init)
  }

  /// Without the spaces and tabs around it.
  package var trimmed: Substring {
    let bytes = Substring(self).utf8
    guard let first = bytes.firstIndex(where: { !isBlank($0) }), let last = bytes.lastIndex(where: { !isBlank($0) })
    else { return "" }
    return Substring(bytes[first...last])
  }
}

private func isBlank(_ byte: UInt8) -> Bool { byte == UInt8(ascii: " ") || byte == UInt8(ascii: "\t") }
