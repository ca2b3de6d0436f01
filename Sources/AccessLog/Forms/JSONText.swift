import BlockMap

/// Values as JSON writes them (RFC 8259), appended to bytes without making strings of them.
enum JSONText {
  static func append(_ number: UInt64, to output: inout [UInt8]) {
    var divisor: UInt64 = 1
    while number / divisor >= 10 { divisor *= 10 }
    while divisor > 0 {
      output.append(0x30 + UInt8(truncatingIfNeeded: number / divisor % 10))
      divisor /= 10
    }
  }

  /// A number that is given as a multiple of a power of ten: 1234 with 2 decimals is `12.34`.
  static func append(_ number: UInt64, decimals: Int, to output: inout [UInt8]) {
    var divisor: UInt64 = 1
    for _ in 0..<decimals { divisor *= 10 }
    append(number / divisor, to: &output)
    output.append(0x2e)
    while divisor > 1 {
      divisor /= 10
      output.append(0x30 + UInt8(truncatingIfNeeded: number / divisor % 10))
    }
  }

  /// A name, escaped as in a map, and what is not UTF-8 as well.
  static func append(name: UnsafeRawBufferPointer, as field: Escaping.Field, to output: inout [UInt8]) {
    // Nearly all names are such: nothing in them means anything to JSON or to a map.
    guard name.contains(where: { $0 <= 0x20 || $0 >= 0x7f || $0 == 0x22 || $0 == 0x5c }) else {
      output.append(0x22)
      output.append(contentsOf: name)
      output.append(0x22)
      return
    }
    append(text: Escaping.text(name, as: field), to: &output)
  }

  static func append(text: String, to output: inout [UInt8]) {
    output.append(0x22)
    for byte in text.utf8 {
      switch byte {
      case 0x22, 0x5c:
        output.append(0x5c)
        output.append(byte)
      case 0..<0x20:
        output.append(contentsOf: "\\u00".utf8)
        output.append(0x30 + byte >> 4)
        output.append(byte & 0xf < 10 ? 0x30 + byte & 0xf : 0x57 + byte & 0xf)
      default: output.append(byte)
      }
    }
    output.append(0x22)
  }
}
