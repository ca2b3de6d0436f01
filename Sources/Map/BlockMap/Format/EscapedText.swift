extension Escaping {
  /// A name as text, for messages and for JSON. In addition to the bytes that `field` escapes, bytes that are not UTF-8
  /// and control characters are written as `\ooo`. No information is lost: a backslash always begins an escape.
  public static func text(_ name: some Collection<UInt8>, as field: Field) -> String {
    var result = ""
    var rest = name[...]
    var decoder = UTF8()
    var iterator = rest.makeIterator()
    while !rest.isEmpty {
      switch decoder.decode(&iterator) {
      case .scalarValue(let scalar) where scalar.value < 0x80:
        result += escaped(rest.prefix(1), as: field)
        rest = rest.dropFirst()
      case .scalarValue(let scalar):
        let width = UTF8.width(scalar)
        if scalar.properties.generalCategory == .control {
          for byte in rest.prefix(width) { result += octal(byte) }
        } else {
          result.unicodeScalars.append(scalar)
        }
        rest = rest.dropFirst(width)
      case .emptyInput: return result
      case .error:
        // Decode again after the first byte that is not part of a character.
        result += rest.first.map(octal) ?? ""
        rest = rest.dropFirst()
        decoder = UTF8()
        iterator = rest.makeIterator()
      }
    }
    return result
  }

  private static func escaped(_ ascii: some Sequence<UInt8>, as field: Field) -> String {
    var bytes: [UInt8] = []
    append(ascii, as: field, to: &bytes)
    return String(decoding: bytes, as: UTF8.self)
  }

  private static func octal(_ byte: UInt8) -> String {
    let digits = String(byte, radix: 8)
    return "\\" + String(repeating: "0", count: 3 - digits.count) + digits
  }
}
