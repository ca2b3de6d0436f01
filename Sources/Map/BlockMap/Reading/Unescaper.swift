/// Converts names from the map's form into the bytes they stand for.
enum Unescaper {
  /// Appends the bytes that `name` stands for to `output`.
  static func unescape(
    _ name: UnsafeRawBufferPointer, as field: Escaping.Field, into output: inout [UInt8]
  ) throws(LineProblem) {
    var position = 0
    while position < name.count {
      let byte = name[position]
      guard byte == 0x5c else {
        guard byte >= field.lowestPlain, byte != 0x7f else {
          if byte == 0x0d, position == name.count - 1 { throw LineProblem(crlf) }
          throw LineProblem("a byte \(describe(byte)) in a name must be written as an escape")
        }
        output.append(byte)
        position += 1
        continue
      }
      guard position + 3 < name.count else { throw LineProblem(badEscape) }
      let digits = (name[position + 1] &- 0x30, name[position + 2] &- 0x30, name[position + 3] &- 0x30)
      guard digits.0 <= 3, digits.1 <= 7, digits.2 <= 7 else { throw LineProblem(badEscape) }
      output.append(digits.0 << 6 | digits.1 << 3 | digits.2)
      position += 4
    }
  }

  private static let badEscape = "a backslash in a name must begin an escape of three octal digits, up to \\377"

  static let crlf = "ends in CR LF; the lines of a map end in LF alone"

  private static func describe(_ byte: UInt8) -> String {
    let digits = String(byte, radix: 16)
    return digits.count == 1 ? "0x0\(digits)" : "0x\(digits)"
  }

  /// Whether no byte is below 0x20, 0x7f or a backslash. Checks eight bytes at a time, because this is called for every
  /// name in a map of a million lines.
  @inline(__always)
  static func isPlain(_ name: UnsafeRawBufferPointer) -> Bool {
    let ones: UInt64 = 0x0101_0101_0101_0101
    let tops: UInt64 = 0x8080_8080_8080_8080
    var position = 0
    while position &+ 8 <= name.count {
      let word = name.loadUnaligned(fromByteOffset: position, as: UInt64.self)
      let backslash = word ^ ones &* 0x5c
      let delete = word ^ ones &* 0x7f
      // The well-known test for a zero byte, and the same for a byte below 0x20. A borrow into the next byte can only
      // give a false positive, which costs a slower check.
      let low = (word &- ones &* 0x20) & ~word
      let equal = (backslash &- ones) & ~backslash | (delete &- ones) & ~delete
      if (low | equal) & tops != 0 { return false }
      position &+= 8
    }
    while position < name.count {
      let byte = name[position]
      if byte < 0x20 || byte == 0x5c || byte == 0x7f { return false }
      position &+= 1
    }
    return true
  }
}

extension Escaping {
  /// The bytes that an escaped name stands for. Nil if a backslash is not followed by three octal digits, or if the
  /// name contains a byte that the format would have escaped.
  public static func unescape(_ name: [UInt8]) -> [UInt8]? {
    var output: [UInt8] = []
    let isWellFormed = name.withUnsafeBytes { (try? Unescaper.unescape($0, as: .path, into: &output)) != nil }
    return isWellFormed ? output : nil
  }
}
