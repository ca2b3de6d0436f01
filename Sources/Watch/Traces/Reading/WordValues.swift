import Bytes
import Glibc

/// Words of a trace.
extension UnsafeRawBufferPointer {
  @inline(__always)
  func equals(_ text: StaticString) -> Bool { count == text.utf8CodeUnitCount && begins(with: text) }

  @inline(__always)
  func begins(with text: StaticString) -> Bool {
    guard let baseAddress, count >= text.utf8CodeUnitCount else { return text.utf8CodeUnitCount == 0 }
    return memcmp(baseAddress, text.utf8Start, text.utf8CodeUnitCount) == 0
  }

  func ends(with byte: UInt8) -> Bool { last == byte }

  /// A decimal number; nil for anything else, and for what does not fit.
  var decimal: UInt64? { number(radix: 10) }

  /// A hexadecimal number after `0x`.
  var hexadecimal: UInt64? {
    guard begins(with: "0x") else { return nil }
    return UnsafeRawBufferPointer(rebasing: self[2...]).number(radix: 16)
  }

  /// A decimal number that can be negative.
  var signed: Int64? {
    guard first == UInt8(ascii: "-") else { return decimal.flatMap { Int64(exactly: $0) } }
    return UnsafeRawBufferPointer(rebasing: self[1...]).decimal.flatMap { Int64(exactly: $0) }.map { -$0 }
  }

  private func number(radix: UInt64) -> UInt64? {
    guard !isEmpty else { return nil }
    var value: UInt64 = 0
    for byte in self {
      var digit = byte &- 0x30
      if digit > 9 {
        digit = (byte | 0x20) &- 0x61
        guard digit <= 5 else { return nil }
        digit += 10
      }
      guard digit < radix, let next = value.times(radix)?.plus(UInt64(digit)) else { return nil }
      value = next
    }
    return value
  }
}

/// The bytes of a disk from an offset on; nil if they do not fit in 64 bits.
@inline(__always)
func byteRange(_ offset: UInt64?, length: UInt64?) -> Range<UInt64>? {
  guard let offset, let length else { return nil }
  let (end, overflow) = offset.addingReportingOverflow(length)
  return overflow ? nil : offset..<end
}

/// The bytes of sectors of 512 bytes; nil if they do not fit in 64 bits.
@inline(__always)
func byteRange(sector: UInt64?, count: UInt64?) -> Range<UInt64>? {
  guard let sector, let count, sector <= .max >> 9, count <= .max >> 9 else { return nil }
  return byteRange(sector << 9, length: count << 9)
}
