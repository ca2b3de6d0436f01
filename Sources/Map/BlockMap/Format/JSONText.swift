/// Appends values as JSON writes them (RFC 8259), without creating strings.
package enum JSONText {
  package static func append(_ number: UInt64, to output: inout [UInt8]) {
    append(number, point: 0, to: &output)
  }

  /// Appends a number that is given as a multiple of a power of ten: 1234 with 2 decimals is `12.34`.
  package static func append(_ number: UInt64, decimals: Int, to output: inout [UInt8]) {
    append(number, point: decimals, to: &output)
  }

  /// Collects the digits from the last one on, and appends them all at once.
  /// - Parameter point: the number of digits after the point, up to 18; 0 for no point.
  @inline(__always)
  private static func append(_ number: UInt64, point: Int, to output: inout [UInt8]) {
    // Enough for the largest number, or for a zero before the point and up to 18 decimals.
    var digits = InlineArray<24, UInt8>(repeating: 0x30)
    var first = digits.count
    var rest = number
    var count = 0
    repeat {
      if count == point, point > 0 {
        first -= 1
        digits[first] = 0x2e
      }
      first -= 1
      digits[first] = 0x30 + UInt8(truncatingIfNeeded: rest % 10)
      rest /= 10
      count += 1
    } while rest != 0 || count <= point
    digits.span.extracting(first...).withUnsafeBytes { output.append(contentsOf: $0) }
  }

  /// Appends a name, escaped as in a map; bytes that are not UTF-8 are escaped as well.
  package static func append(name: UnsafeRawBufferPointer, as field: Escaping.Field, to output: inout [UInt8]) {
    // Nearly all names contain nothing that is special in JSON or in a map.
    guard name.contains(where: { $0 <= 0x20 || $0 >= 0x7f || $0 == 0x22 || $0 == 0x5c }) else {
      output.append(0x22)
      output.append(contentsOf: name)
      output.append(0x22)
      return
    }
    append(text: Escaping.text(name, as: field), to: &output)
  }

  /// Escapes all control characters in JSON, also those that RFC 8259 does not require to be escaped.
  package static func printable(_ json: some Sequence<UInt8>) -> [UInt8] {
    var output: [UInt8] = []
    for byte in json { append(printable: byte, to: &output) }
    return output
  }

  /// Appends a byte of UTF-8 and escapes all control characters: a terminal can obey DEL and the C1 characters too.
  private static func append(printable byte: UInt8, to output: inout [UInt8]) {
    switch byte {
    case 0..<0x20, 0x7f: appendEscaped(byte, to: &output)
    case 0x80...0x9f where output.last == 0xc2:
      output.removeLast()
      appendEscaped(byte, to: &output)
    default: output.append(byte)
    }
  }

  private static func appendEscaped(_ control: UInt8, to output: inout [UInt8]) {
    output.append(contentsOf: "\\u00".utf8)
    for digit in [control >> 4, control & 0xf] { output.append(digit < 10 ? 0x30 + digit : 0x57 + digit) }
  }

  package static func append(text: String, to output: inout [UInt8]) {
    output.append(0x22)
    for byte in text.utf8 {
      switch byte {
      case 0x22, 0x5c:
        output.append(0x5c)
        output.append(byte)
      default: append(printable: byte, to: &output)
      }
    }
    output.append(0x22)
  }
}
