import BlockMap

/// Values as JSON writes them (RFC 8259), appended to bytes without making strings of them.
package enum JSONText {
  package static func append(_ number: UInt64, to output: inout [UInt8]) {
    append(number, point: 0, to: &output)
  }

  /// A number that is given as a multiple of a power of ten: 1234 with 2 decimals is `12.34`.
  package static func append(_ number: UInt64, decimals: Int, to output: inout [UInt8]) {
    append(number, point: decimals, to: &output)
  }

  /// From the last digit on, and then at once.
  /// - Parameter point: how many digits, up to 18, are behind the point; 0 for no point.
  @inline(__always)
  private static func append(_ number: UInt64, point: Int, to output: inout [UInt8]) {
    // As many as the largest number has, a zero before the point and that.
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

  /// A name, escaped as in a map, and what is not UTF-8 as well.
  package static func append(name: UnsafeRawBufferPointer, as field: Escaping.Field, to output: inout [UInt8]) {
    // Nearly all names are such: nothing in them means anything to JSON or to a map.
    guard name.contains(where: { $0 <= 0x20 || $0 >= 0x7f || $0 == 0x22 || $0 == 0x5c }) else {
      output.append(0x22)
      output.append(contentsOf: name)
      output.append(0x22)
      return
    }
    append(text: Escaping.text(name, as: field), to: &output)
  }

  /// JSON whose strings hold control characters that RFC 8259 does not ask to escape, with these escaped.
  package static func printable(_ json: some Sequence<UInt8>) -> [UInt8] {
    var output: [UInt8] = []
    for byte in json { append(printable: byte, to: &output) }
    return output
  }

  /// Appends a byte of UTF-8, escaping all control characters: a terminal may obey DEL and those of C1, too.
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
