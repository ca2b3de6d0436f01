/// Why a line does not follow the format.
struct LineProblem: Error {
  var reason: String

  init(_ reason: String) {
    self.reason = reason
  }
}

/// A position in a line of a map, which moves from field to field.
///
/// The line's newline is in memory too, so that reading the current byte is safe even at the end of the line: a newline
/// is not part of any field and stops every loop.
struct LineCursor {
  private(set) var position: UnsafePointer<UInt8>
  /// The position of the line's newline.
  let end: UnsafePointer<UInt8>

  @inline(__always)
  init(position: UnsafePointer<UInt8>, end: UnsafePointer<UInt8>) {
    self.position = position
    self.end = end
  }

  @inline(__always)
  var isAtEnd: Bool { position >= end }

  /// The current byte; at the end, the newline.
  @inline(__always)
  var byte: UInt8 { position.pointee }

  /// The rest of the line.
  var rest: UnsafeRawBufferPointer { UnsafeRawBufferPointer(start: position, count: end - position) }

  /// Skips the current byte if it is `byte`.
  @inline(__always)
  mutating func skip(_ byte: UInt8) -> Bool {
    guard position < end, position.pointee == byte else { return false }
    position += 1
    return true
  }

  /// Skips `text` if the rest of the line begins with it.
  mutating func skip(_ text: StaticString) -> Bool {
    guard rest.starts(with: UnsafeRawBufferPointer(start: text.utf8Start, count: text.utf8CodeUnitCount)) else {
      return false
    }
    position += text.utf8CodeUnitCount
    return true
  }

  /// Skips the single space before the field `next`.
  @inline(__always)
  mutating func space(before next: StaticString) throws(LineProblem) {
    guard skip(0x20) else { throw Self.noSpace(before: next, atEnd: isAtEnd) }
  }

  /// Parses a hexadecimal number, in upper or lower case.
  @inline(__always)
  mutating func hex(_ field: StaticString) throws(LineProblem) -> UInt64 {
    let start = position
    var value: UInt64 = 0
    var lost: UInt64 = 0
    while true {
      let byte = position.pointee
      var digit = byte &- 0x30
      if digit > 9 {
        digit = (byte | 0x20) &- 0x61
        if digit > 5 { break }
        digit &+= 10
      }
      lost |= value >> 60
      value = value << 4 | UInt64(digit)
      position += 1
    }
    guard position > start, lost == 0 else {
      throw LineProblem("\(field) \(position > start ? "does not fit in 64 bits" : "is not a hexadecimal number")")
    }
    return value
  }

  /// Parses the number of a disk, which is decimal.
  @inline(__always)
  mutating func diskNumber() throws(LineProblem) -> UInt32 {
    var value: UInt32 = 0
    while position.pointee &- 0x30 <= 9, value <= FormatLimits.disks {
      value = value &* 10 &+ UInt32(position.pointee &- 0x30)
      position += 1
    }
    guard value >= 1, value <= FormatLimits.disks else {
      throw LineProblem("DISK is not a number from 1 to \(FormatLimits.disks)")
    }
    return value
  }

  /// Returns the bytes up to the next space or the end.
  @inline(__always)
  mutating func word() -> UnsafeRawBufferPointer {
    let start = position
    while position < end, position.pointee != 0x20 { position += 1 }
    return UnsafeRawBufferPointer(start: start, count: position - start)
  }

  /// Parses a word, in which bytes can be escaped.
  mutating func unescapedWord() throws(LineProblem) -> [UInt8] {
    var bytes: [UInt8] = []
    try Unescaper.unescape(word(), as: .device, into: &bytes)
    return bytes
  }

  @inline(never)
  private static func noSpace(before next: StaticString, atEnd: Bool) -> LineProblem {
    LineProblem(atEnd ? "ends before \(next)" : "one space must stand before \(next)")
  }
}
