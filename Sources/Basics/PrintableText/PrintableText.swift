/// Makes text safe to show on a terminal.
///
/// Messages and answers contain text from a guest, an image, a map or the appliance. A control character in it could
/// control the terminal, and a newline would make one message look like two. So a program passes each line through this
/// where it prints it.
public enum PrintableText {
  /// The bytes with each control character (C0, DEL and, in UTF-8, C1), each line separator, each character that changes the
  /// direction of text, and each byte that is not part of valid UTF-8 written as `\ooo`, three octal digits. Everything else stays, also a backslash, because names
  /// in messages are already escaped.
  /// - Parameter keepingNewlines: whether newlines stay as well, for text of several lines.
  public static func bytes(_ text: some Collection<UInt8>, keepingNewlines: Bool = false) -> [UInt8] {
    let isPlain = text.allSatisfy { (0x20..<0x7f).contains($0) || (keepingNewlines && $0 == 0x0a) }
    if isPlain { return Array(text) }
    var result: [UInt8] = []
    result.reserveCapacity(text.count + 16)
    var rest = text[...]
    while let first = rest.first {
      if first < 0x80 {
        let isShown = (0x20..<0x7f).contains(first) || (keepingNewlines && first == 0x0a)
        if isShown { result.append(first) } else { append(octal: first, to: &result) }
        rest = rest.dropFirst()
        continue
      }
      var decoder = UTF8()
      var iterator = rest.makeIterator()
      guard case .scalarValue(let scalar) = decoder.decode(&iterator) else {
        // Decode again after the first byte that is not part of a character.
        append(octal: first, to: &result)
        rest = rest.dropFirst()
        continue
      }
      let character = rest.prefix(UTF8.width(scalar))
      switch scalar.properties.generalCategory {
      case .control, .lineSeparator, .paragraphSeparator: for byte in character { append(octal: byte, to: &result) }
      // They can make one name look like another.
      case .format where scalar.properties.isBidiControl: for byte in character { append(octal: byte, to: &result) }
      default: result.append(contentsOf: character)
      }
      rest = rest.dropFirst(UTF8.width(scalar))
    }
    return result
  }

  /// The same as a string.
  public static func text(_ text: some Collection<UInt8>, keepingNewlines: Bool = false) -> String {
    String(decoding: bytes(text, keepingNewlines: keepingNewlines), as: UTF8.self)
  }

  private static func append(octal byte: UInt8, to result: inout [UInt8]) {
    result.append(0x5c)
    result.append(0x30 | byte >> 6)
    result.append(0x30 | byte >> 3 & 7)
    result.append(0x30 | byte & 7)
  }
}
