/// Texts inside of HTML.
enum HTMLText {
  /// Appends text so that it stands for itself in an element.
  static func append(_ text: some Sequence<UInt8>, to output: inout [UInt8]) {
    for byte in text {
      switch byte {
      case UInt8(ascii: "&"): output.append(contentsOf: "&amp;".utf8)
      case UInt8(ascii: "<"): output.append(contentsOf: "&lt;".utf8)
      case UInt8(ascii: ">"): output.append(contentsOf: "&gt;".utf8)
      default: output.append(byte)
      }
    }
  }

  /// Appends JSON so that it can stand in a script element: nothing in it can end the element or begin a comment.
  /// These characters occur only in JSON's strings, where they can be escaped.
  static func append(json: [UInt8], to output: inout [UInt8]) {
    for (index, byte) in json.enumerated() {
      switch byte {
      case UInt8(ascii: "&"), UInt8(ascii: "<"), UInt8(ascii: ">"):
        output.append(contentsOf: "\\u00".utf8)
        output.append(byte >> 4 + 0x30)
        output.append(byte & 0xf < 10 ? byte & 0xf + 0x30 : byte & 0xf + 0x57)
      // U+2028 and U+2029 end a line in JavaScript.
      case 0xa8, 0xa9:
        guard index >= 2, json[index - 2] == 0xe2, json[index - 1] == 0x80 else {
          output.append(byte)
          continue
        }
        output.removeLast(2)
        output.append(contentsOf: (byte == 0xa8 ? "\\u2028" : "\\u2029").utf8)
      default: output.append(byte)
      }
    }
  }
}
