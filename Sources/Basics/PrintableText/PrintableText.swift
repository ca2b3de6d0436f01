/// What may be shown on a terminal.
///
/// Messages and answers hold what a guest, an image, a map or the appliance said. A control character in them would speak
/// to the terminal, and a newline would make one message look like two. So a program gives every line that it prints to
/// this, at the one place where it prints.
public enum PrintableText {
  /// The bytes with each control character (C0, DEL and, in UTF-8, C1), each separator of lines, and each byte that is no
  /// part of valid UTF-8 as `\ooo`, three octal digits. Everything else stays: a backslash too, since names in messages
  /// are escaped already.
  /// - Parameter keepingNewlines: a newline stays as well, for text of several lines.
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
        // Begin anew behind the first byte that is no part of a character.
        append(octal: first, to: &result)
        rest = rest.dropFirst()
        continue
      }
      let character = rest.prefix(UTF8.width(scalar))
      switch scalar.properties.generalCategory {
      case .control, .lineSeparator, .paragraphSeparator: for byte in character { append(octal: byte, to: &result) }
      default: result.append(contentsOf: character)
      }
      rest = rest.dropFirst(UTF8.width(scalar))
    }
    return result
  }

  /// The same as text.
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
