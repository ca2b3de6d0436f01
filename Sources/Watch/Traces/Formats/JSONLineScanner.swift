/// Goes through the members of a JSON object (RFC 8259) on one line. Strings are not unescaped, and what is in arrays
/// and inner objects is skipped.
struct JSONLineScanner {
  private var line: TraceLine
  /// Whether the object had its closing brace, with nothing behind it.
  private(set) var isWhole = false
  private var isFirst = true

  init?(_ line: TraceLine) {
    self.line = line
    self.line.skipBlanks()
    guard self.line.skip(UInt8(ascii: "{")) else { return nil }
  }

  /// The next member: its key, and its value without quotes. For an array or an object the value is empty.
  /// - Returns: nil at the end, or where the line is not JSON.
  mutating func next() -> (key: UnsafeRawBufferPointer, value: UnsafeRawBufferPointer)? {
    line.skipBlanks()
    if line.skip(UInt8(ascii: "}")) {
      line.skipBlanks()
      isWhole = line.isAtEnd
      return nil
    }
    if !isFirst {
      guard line.skip(UInt8(ascii: ",")) else { return nil }
      line.skipBlanks()
    }
    isFirst = false
    guard let key = string() else { return nil }
    line.skipBlanks()
    guard line.skip(UInt8(ascii: ":")) else { return nil }
    line.skipBlanks()
    guard let value = value() else { return nil }
    return (key, value)
  }

  private mutating func value() -> UnsafeRawBufferPointer? {
    switch line.byte {
    case UInt8(ascii: "\""): return string()
    case UInt8(ascii: "{"), UInt8(ascii: "["):
      return skipNested() ? UnsafeRawBufferPointer(start: nil, count: 0) : nil
    default:
      let start = line.rest
      while !line.isAtEnd, line.byte != UInt8(ascii: ","), line.byte != UInt8(ascii: "}"), line.byte != 0x20 {
        _ = line.skip(line.byte)
      }
      let length = start.count - line.rest.count
      return length > 0 ? UnsafeRawBufferPointer(rebasing: start[..<length]) : nil
    }
  }

  private mutating func string() -> UnsafeRawBufferPointer? {
    guard line.skip(UInt8(ascii: "\"")) else { return nil }
    let start = line.rest
    while !line.isAtEnd {
      if line.byte == UInt8(ascii: "\"") {
        let length = start.count - line.rest.count
        _ = line.skip(UInt8(ascii: "\""))
        return UnsafeRawBufferPointer(rebasing: start[..<length])
      }
      if line.skip(UInt8(ascii: "\\")), line.isAtEnd { return nil }
      _ = line.skip(line.byte)
    }
    return nil
  }

  /// Skips an array or an object with all that is in it.
  private mutating func skipNested() -> Bool {
    var depth = 0
    repeat {
      guard !line.isAtEnd else { return false }
      switch line.byte {
      case UInt8(ascii: "\""):
        guard string() != nil else { return false }
        continue
      case UInt8(ascii: "{"), UInt8(ascii: "["): depth += 1
      case UInt8(ascii: "}"), UInt8(ascii: "]"): depth -= 1
      default: break
      }
      _ = line.skip(line.byte)
    } while depth > 0
    return true
  }
}
