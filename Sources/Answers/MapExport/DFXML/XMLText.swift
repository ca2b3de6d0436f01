import BlockMap

/// Text in an XML 1.0 document.
enum XMLText {
  /// Appends UTF-8 text without control characters, with the markup escaped.
  static func append(_ text: some Sequence<UInt8>, to output: inout [UInt8]) {
    for byte in text {
      switch byte {
      case UInt8(ascii: "<"): output.append(contentsOf: "&lt;".utf8)
      case UInt8(ascii: ">"): output.append(contentsOf: "&gt;".utf8)
      case UInt8(ascii: "&"): output.append(contentsOf: "&amp;".utf8)
      case UInt8(ascii: "'"): output.append(contentsOf: "&apos;".utf8)
      case UInt8(ascii: "\""): output.append(contentsOf: "&quot;".utf8)
      default: output.append(byte)
      }
    }
  }

  /// A name as `ExportedName` writes it. U+FFFE and U+FFFF, which XML 1.0 does not allow, are escaped as well.
  static func name(_ name: UnsafeRawBufferPointer, as field: Escaping.Field) -> [UInt8] {
    var escaped: [UInt8] = []
    ExportedName.append(name, as: field, to: &escaped)
    guard escaped.contains(0xef) else { return escaped }
    var output: [UInt8] = []
    var rest = escaped[...]
    while let byte = rest.popFirst() {
      if byte == 0xef, rest.first == 0xbf, let last = rest.dropFirst().first, last >= 0xbe {
        output.append(contentsOf: last == 0xbe ? "\\357\\277\\276".utf8 : "\\357\\277\\277".utf8)
        rest = rest.dropFirst(2)
      } else {
        output.append(byte)
      }
    }
    return output
  }

  static func appendHex(_ bytes: some Sequence<UInt8>, to output: inout [UInt8]) {
    for byte in bytes {
      for digit in [byte >> 4, byte & 0xf] { output.append(digit < 10 ? 0x30 + digit : 0x57 + digit) }
    }
  }
}
