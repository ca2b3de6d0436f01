/// Comma-separated values (RFC 4180).
package enum CSVField {
  private static let comma = UInt8(ascii: ",")
  private static let quote = UInt8(ascii: "\"")

  /// Appends a field, in quotes if it needs them. It must not contain line breaks: names have theirs escaped.
  package static func append(_ field: [UInt8], to text: inout [UInt8]) {
    guard field.contains(where: { $0 == comma || $0 == quote }) else { return text.append(contentsOf: field) }
    text.append(quote)
    for byte in field {
      if byte == quote { text.append(quote) }
      text.append(byte)
    }
    text.append(quote)
  }
}
