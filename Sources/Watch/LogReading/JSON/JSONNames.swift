import BlockMap

/// Converts names of the JSON log, which are escaped as in a map and then as JSON, into the bytes they stand for.
enum JSONNames {
  static func decode(_ string: JSONCursor.RawString) throws(LineProblem) -> [UInt8] {
    guard let text = unescape(string.bytes), let name = Escaping.unescape(text) else {
      throw LineProblem("a name is not escaped as in a map")
    }
    return name
  }

  /// Undoes the escapes of JSON (RFC 8259); nil if one is wrong.
  private static func unescape(_ text: UnsafeRawBufferPointer) -> [UInt8]? {
    var output: [UInt8] = []
    output.reserveCapacity(text.count)
    var position = 0
    while position < text.count {
      let byte = text[position]
      position += 1
      guard byte == 0x5c else {
        output.append(byte)
        continue
      }
      guard position < text.count else { return nil }
      let escape = text[position]
      position += 1
      switch escape {
      case 0x22, 0x2f, 0x5c: output.append(escape)
      case UInt8(ascii: "b"): output.append(0x08)
      case UInt8(ascii: "f"): output.append(0x0c)
      case UInt8(ascii: "n"): output.append(0x0a)
      case UInt8(ascii: "r"): output.append(0x0d)
      case UInt8(ascii: "t"): output.append(0x09)
      case UInt8(ascii: "u"):
        guard let character = scalar(text, &position) else { return nil }
        output.append(contentsOf: Character(character).utf8)
      default: return nil
      }
    }
    return output
  }

  /// The character whose four digits begin here, or twice four digits with `\u` between them.
  private static func scalar(_ text: UnsafeRawBufferPointer, _ position: inout Int) -> Unicode.Scalar? {
    guard let unit = digits(text, &position) else { return nil }
    guard unit & 0xfc00 == 0xd800 else { return Unicode.Scalar(unit) }
    guard position + 1 < text.count, text[position] == 0x5c, text[position + 1] == UInt8(ascii: "u") else { return nil }
    position += 2
    guard let low = digits(text, &position), low & 0xfc00 == 0xdc00 else { return nil }
    return Unicode.Scalar(0x10000 + (unit & 0x3ff) << 10 + low & 0x3ff)
  }

  private static func digits(_ text: UnsafeRawBufferPointer, _ position: inout Int) -> UInt32? {
    guard position + 4 <= text.count else { return nil }
    var value: UInt32 = 0
    for byte in text[position..<position + 4] {
      guard let digit = Character(Unicode.Scalar(byte)).hexDigitValue else { return nil }
      value = value << 4 | UInt32(digit)
    }
    position += 4
    return value
  }
}
