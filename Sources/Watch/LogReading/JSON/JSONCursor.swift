import Glibc

/// A position in a line of JSON, which moves from value to value.
package struct JSONCursor {
  private let bytes: UnsafeRawBufferPointer
  private var position = 0

  /// A string as it stands between its quotes.
  package struct RawString {
    package var bytes: UnsafeRawBufferPointer
    /// Whether it contains a backslash.
    var isEscaped: Bool

    package static func == (string: RawString, text: StaticString) -> Bool {
      guard string.bytes.count == text.utf8CodeUnitCount, let base = string.bytes.baseAddress else { return false }
      return memcmp(base, text.utf8Start, string.bytes.count) == 0
    }
  }

  package init(_ bytes: UnsafeRawBufferPointer) { self.bytes = bytes }

  /// Whether nothing but blanks is left.
  package mutating func isAtEnd() -> Bool {
    skipBlanks()
    return position == bytes.count
  }

  @inline(__always)
  private mutating func skipBlanks() {
    while position < bytes.count, case let byte = bytes[position], byte == 0x20 || byte == 0x09 || byte == 0x0d {
      position += 1
    }
  }

  /// Skips the next byte that is not blank if it is this one.
  @inline(__always)
  mutating func skip(_ byte: UInt8) -> Bool {
    skipBlanks()
    guard position < bytes.count, bytes[position] == byte else { return false }
    position += 1
    return true
  }

  package mutating func expect(_ byte: UInt8) throws(LineProblem) {
    guard skip(byte) else { throw problem }
  }

  /// The next key of an object whose brace has been read, or nil at the object's end.
  package mutating func key(isFirst: Bool) throws(LineProblem) -> RawString? {
    if skip(0x7d) { return nil }
    if !isFirst { try expect(0x2c) }
    let key = try string()
    try expect(0x3a)
    return key
  }

  /// Whether the array, whose bracket has been read, has another element.
  mutating func element(isFirst: Bool) throws(LineProblem) -> Bool {
    if skip(0x5d) { return false }
    if !isFirst { try expect(0x2c) }
    return true
  }

  package mutating func string() throws(LineProblem) -> RawString {
    try expect(0x22)
    let start = position
    var isEscaped = false
    while position < bytes.count {
      let byte = bytes[position]
      if byte == 0x22 {
        position += 1
        return RawString(
          bytes: UnsafeRawBufferPointer(rebasing: bytes[start..<position - 1]), isEscaped: isEscaped)
      }
      if byte == 0x5c {
        isEscaped = true
        position += 1
      }
      position += 1
    }
    throw problem
  }

  /// A number that is not negative, as a multiple of a power of ten: `12.34` with 3 decimals is 12340. Further decimals
  /// are dropped.
  package mutating func number(decimals: Int = 0) throws(LineProblem) -> UInt64 {
    skipBlanks()
    let start = position
    var value: UInt64 = 0
    var missing = decimals
    var isFraction = false
    var overflows = false
    while position < bytes.count {
      let byte = bytes[position]
      if byte == 0x2e, !isFraction {
        isFraction = true
      } else {
        guard case let digit = byte &- 0x30, digit <= 9 else { break }
        if !isFraction || missing > 0 { overflows = Self.append(digit, to: &value) || overflows }
        if isFraction { missing = max(0, missing - 1) }
      }
      position += 1
    }
    while missing > 0 {
      overflows = Self.append(0, to: &value) || overflows
      missing -= 1
    }
    guard position > start, !overflows else { throw problem }
    return value
  }

  /// - Returns: whether the number became too large.
  @inline(__always)
  private static func append(_ digit: UInt8, to value: inout UInt64) -> Bool {
    let (tens, overflow) = value.multipliedReportingOverflow(by: 10)
    let (sum, overflows) = tens.addingReportingOverflow(UInt64(digit))
    value = sum
    return overflow || overflows
  }

  /// Skips a value of any kind.
  package mutating func skipValue() throws(LineProblem) {
    var depth = 0
    repeat {
      skipBlanks()
      guard position < bytes.count else { throw problem }
      switch bytes[position] {
      case 0x22: _ = try string()
      case 0x7b, 0x5b:
        depth += 1
        position += 1
      case 0x7d, 0x5d:
        guard depth > 0 else { throw problem }
        depth -= 1
        position += 1
      case 0x2c, 0x3a:
        guard depth > 0 else { throw problem }
        position += 1
      default:
        let start = position
        while position < bytes.count, !Self.endsWord(bytes[position]) { position += 1 }
        guard position > start else { throw problem }
      }
    } while depth > 0
  }

  private static func endsWord(_ byte: UInt8) -> Bool {
    switch byte {
    case 0x20, 0x09, 0x0d, 0x2c, 0x3a, 0x5d, 0x7d, 0x5b, 0x7b, 0x22: true
    default: false
    }
  }

  /// `true` or `false`.
  mutating func bool() throws(LineProblem) -> Bool {
    skipBlanks()
    let start = position
    try skipValue()
    switch bytes[start..<position] {
    case let word where word.elementsEqual("true".utf8): return true
    case let word where word.elementsEqual("false".utf8): return false
    default: throw problem
    }
  }

  private var problem: LineProblem { LineProblem("not a line of the JSON log, near byte \(position + 1)") }
}
