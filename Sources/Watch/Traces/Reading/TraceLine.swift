import Bytes
import Glibc

/// A position in a line of a trace, which moves from field to field.
///
/// The line's newline is in memory too, so that reading the current byte is safe even at the end of the line: a newline
/// is not part of any field and stops every loop.
struct TraceLine {
  private(set) var position: UnsafePointer<UInt8>
  /// The position of the line's newline.
  private let end: UnsafePointer<UInt8>

  /// Calls `body` with each line that has a newline.
  /// - Returns: how many bytes these lines have.
  @inline(__always)
  static func forEach<Failure>(
    in block: UnsafeRawBufferPointer, _ body: (TraceLine) throws(Failure) -> Void
  ) throws(Failure) -> Int {
    guard let base = block.baseAddress else { return 0 }
    let end = base + block.count
    var start = base
    while start < end, let newline = memchr(start, 0x0a, end - start) {
      try body(
        TraceLine(
          position: start.assumingMemoryBound(to: UInt8.self),
          end: UnsafePointer(newline.assumingMemoryBound(to: UInt8.self))))
      start = UnsafeRawPointer(newline) + 1
    }
    return start - base
  }

  @inline(__always)
  var isAtEnd: Bool { position >= end }

  /// The current byte; at the end, the newline.
  @inline(__always)
  var byte: UInt8 { position.pointee }

  /// What is left of the line.
  var rest: UnsafeRawBufferPointer { UnsafeRawBufferPointer(start: position, count: end - position) }

  /// A carriage return at the end of a line is a blank.
  @inline(__always)
  private static func isBlank(_ byte: UInt8) -> Bool { byte == 0x20 || byte == 0x09 || byte == 0x0d }

  @inline(__always)
  mutating func skipBlanks() {
    while Self.isBlank(position.pointee) { position += 1 }
  }

  /// Skips the current byte if it is this one.
  @inline(__always)
  mutating func skip(_ byte: UInt8) -> Bool {
    guard position < end, position.pointee == byte else { return false }
    position += 1
    return true
  }

  /// Skips `text` if the rest of the line begins with it.
  @inline(__always)
  mutating func skip(_ text: StaticString) -> Bool {
    let length = text.utf8CodeUnitCount
    guard end - position >= length, memcmp(position, text.utf8Start, length) == 0 else { return false }
    position += length
    return true
  }

  /// The bytes up to the next blank, after skipping blanks; empty at the end.
  @inline(__always)
  mutating func word() -> UnsafeRawBufferPointer {
    skipBlanks()
    let start = position
    while position < end, !Self.isBlank(position.pointee) { position += 1 }
    return UnsafeRawBufferPointer(start: start, count: position - start)
  }

  /// The decimal digits from the current byte on; nil if there are none, or if the number does not fit.
  @inline(__always)
  mutating func digits() -> UInt64? {
    let start = position
    var value: UInt64 = 0
    var overflows = false
    while case let digit = position.pointee &- 0x30, digit <= 9 {
      let (tens, overflow) = value.multipliedReportingOverflow(by: 10)
      let (sum, carry) = tens.addingReportingOverflow(UInt64(digit))
      overflows = overflows || overflow || carry
      value = sum
      position += 1
    }
    return position > start && !overflows ? value : nil
  }

  /// A word that is a decimal number.
  @inline(__always)
  mutating func number() -> UInt64? {
    skipBlanks()
    guard let value = digits(), isAtEnd || Self.isBlank(byte) else { return nil }
    return value
  }

  /// Seconds with a decimal point, such as `41063.292318`, in nanoseconds. Further digits are dropped.
  @inline(__always)
  mutating func seconds() -> UInt64? {
    guard let whole = digits(), skip(UInt8(ascii: ".")) else { return nil }
    var fraction: UInt64 = 0
    var unit: UInt64 = 1_000_000_000
    let start = position
    while case let digit = position.pointee &- 0x30, digit <= 9 {
      unit /= 10
      fraction += UInt64(digit) * unit
      position += 1
    }
    return position > start ? whole.times(1_000_000_000)?.plus(fraction) : nil
  }

  /// Skips words up to this one.
  /// - Returns: the word after it; empty if there is none.
  mutating func word(after key: StaticString) -> UnsafeRawBufferPointer {
    while case let found = word(), !found.isEmpty {
      if found.equals(key) { return word() }
    }
    return word()
  }

  /// Skips words up to one that begins with `key`, such as `offset=`.
  /// - Returns: the rest of that word; empty if there is none.
  mutating func value(of key: StaticString) -> UnsafeRawBufferPointer {
    while case let found = word(), !found.isEmpty {
      if found.begins(with: key) { return UnsafeRawBufferPointer(rebasing: found[key.utf8CodeUnitCount...]) }
    }
    return word()
  }
}
