/// Numbers as people and programs write them. Each is nil for anything else, and for what does not fit.
///
/// This is not about all collections, because code for those is slow outside of their module.
extension ArraySlice<UInt8> {
  /// Only decimal digits.
  package var decimal: UInt64? { digits(radix: 10) }

  /// Decimal, or hexadecimal after `0x`.
  package var number: UInt64? { isHexadecimal ? dropFirst(2).digits(radix: 16) : decimal }

  /// Decimal, hexadecimal after `0x`, or octal after `0`, as in C++.
  package var integerLiteral: UInt64? {
    guard !isHexadecimal else { return number }
    return first == UInt8(ascii: "0") ? digits(radix: 8) : decimal
  }

  /// A number of bytes: decimal or `0x…`, with a suffix k, M, G or T for powers of 1024, or s for sectors of 512 bytes.
  package var byteCount: UInt64? {
    let unit: UInt64
    switch last {
    case UInt8(ascii: "k"), UInt8(ascii: "K"): unit = 1 << 10
    case UInt8(ascii: "m"), UInt8(ascii: "M"): unit = 1 << 20
    case UInt8(ascii: "g"), UInt8(ascii: "G"): unit = 1 << 30
    case UInt8(ascii: "t"), UInt8(ascii: "T"): unit = 1 << 40
    case UInt8(ascii: "s"): unit = 512
    default: return number
    }
    return dropLast().number?.times(unit)
  }

  private var isHexadecimal: Bool {
    let start = prefix(2)
    return start.elementsEqual("0x".utf8) || start.elementsEqual("0X".utf8)
  }

  private func digits(radix: UInt64) -> UInt64? {
    guard !isEmpty else { return nil }
    var value: UInt64 = 0
    for byte in self {
      let digit: UInt8
      switch byte {
      case 0x30...0x39: digit = byte &- 0x30
      case 0x41...0x46: digit = byte &- 0x37
      case 0x61...0x66: digit = byte &- 0x57
      default: return nil
      }
      guard digit < radix, let next = value.times(radix)?.plus(UInt64(digit)) else { return nil }
      value = next
    }
    return value
  }
}
