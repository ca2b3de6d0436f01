import Bytes

/// Reads JSON texts (RFC 8259), one after the other, and passes on each object when it ends, without keeping it.
struct JSONScanner {
  private static let deepest = 32
  /// Longer strings are cut, because no format has a use for them.
  static let textKept = 64

  private var source: ListSource
  private var text: [UInt8] = []

  init(_ source: ListSource) { self.source = source }

  /// Calls `body` with each object. Inner objects come before those that hold them.
  /// - Throws: `ListError` for what is not JSON, and what `body` throws.
  mutating func forEachObject(_ body: (JSONRecord) throws(ListError) -> Void) throws(ListError) {
    while let first = try byte() {
      guard Self.opensBracket(first) else { throw noObject() }
      _ = try value(in: nil, depth: 0, body)
    }
  }

  private func problem(_ reason: String) -> ListError { ListError(line: source.line, "not JSON: \(reason)") }

  private func noObject() -> ListError { ListError(line: source.line, "not a list of JSON objects") }

  /// The next byte that is not white space, which stays.
  private mutating func byte() throws(ListError) -> UInt8? {
    while let byte = try source.peek() {
      guard byte == 0x20 || byte == 0x0a || byte == 0x0d || byte == 0x09 else { return byte }
      source.skip()
    }
    return nil
  }

  private mutating func value(
    in array: JSONRecord.Key?, depth: Int, _ body: (JSONRecord) throws(ListError) -> Void
  ) throws(ListError) -> JSONRecord.Value {
    guard depth < Self.deepest else { throw problem("nested deeper than \(Self.deepest)") }
    switch try byte() {
    case UInt8(ascii: "{"): try object(in: array, depth: depth, body)
    case UInt8(ascii: "["): try self.array(array, depth: depth, body)
    case UInt8(ascii: "\""):
      try string()
      return .text(text)
    case nil: throw problem("it is cut short")
    default: return try word()
    }
    return .other
  }

  private mutating func object(
    in array: JSONRecord.Key?, depth: Int, _ body: (JSONRecord) throws(ListError) -> Void
  ) throws(ListError) {
    var record = JSONRecord(in: array)
    source.skip()
    if try byte() != UInt8(ascii: "}") {
      repeat {
        guard try byte() == UInt8(ascii: "\"") else { throw problem("a key is missing") }
        try string()
        let key = JSONRecord.Key(text)
        guard try byte() == UInt8(ascii: ":") else { throw problem("a colon is missing") }
        source.skip()
        let value = try value(in: key, depth: depth + 1, body)
        if let key { record.set(key, value) }
      } while try hasNext(before: UInt8(ascii: "}"))
    }
    record.line = source.line
    source.skip()
    try body(record)
  }

  private mutating func array(
    _ key: JSONRecord.Key?, depth: Int, _ body: (JSONRecord) throws(ListError) -> Void
  ) throws(ListError) {
    source.skip()
    if try byte() != UInt8(ascii: "]") {
      repeat {
        // Nobody would notice that a list of something else has no ranges.
        if depth == 0, let first = try byte(), !Self.opensBracket(first) {
          throw noObject()
        }
        _ = try value(in: key, depth: depth + 1, body)
      } while try hasNext(before: UInt8(ascii: "]"))
    }
    source.skip()
  }

  /// Goes past a comma; returns false at `end`, which stays.
  private mutating func hasNext(before end: UInt8) throws(ListError) -> Bool {
    switch try byte() {
    case end: return false
    case UInt8(ascii: ","):
      source.skip()
      return true
    case nil: throw problem("it is cut short")
    default: throw problem("a comma is missing")
    }
  }

  /// Reads a string into `text`. What is escaped becomes a question mark: no name or value that is asked for has any.
  private mutating func string() throws(ListError) {
    text.removeAll(keepingCapacity: true)
    source.skip()
    while let byte = try source.peek() {
      guard byte >= 0x20 else { throw problem("a string does not end on its line") }
      source.skip()
      var kept = byte
      if byte == UInt8(ascii: "\"") { return }
      if byte == UInt8(ascii: "\\") {
        guard let escaped = try source.peek(), escaped >= 0x20 else { throw problem("a string does not end") }
        source.skip()
        kept = UInt8(ascii: "?")
      }
      if text.count < Self.textKept { text.append(kept) }
    }
    throw problem("a string does not end")
  }

  /// A number, true, false or null.
  private mutating func word() throws(ListError) -> JSONRecord.Value {
    text.removeAll(keepingCapacity: true)
    while let byte = try source.peek(), Self.isPartOfWord(byte) {
      source.skip()
      guard text.count < Self.textKept else { throw problem("a number is too long") }
      text.append(byte)
    }
    switch text[...] {
    case let word where word.equals("true"): return .bool(true)
    case let word where word.equals("false"): return .bool(false)
    case let word where word.equals("null"): return .null
    case let word:
      if let number = word.decimal { return .number(number) }
      guard let first = word.first, first == UInt8(ascii: "-") || Self.isDigit(first) else {
        throw problem("a value is missing")
      }
      return .other
    }
  }

  private static func opensBracket(_ byte: UInt8) -> Bool { byte == UInt8(ascii: "{") || byte == UInt8(ascii: "[") }

  private static func isDigit(_ byte: UInt8) -> Bool { (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(byte) }

  private static func isPartOfWord(_ byte: UInt8) -> Bool {
    isDigit(byte) || (UInt8(ascii: "a")...UInt8(ascii: "z")).contains(byte | 0x20) || byte == UInt8(ascii: "-")
      || byte == UInt8(ascii: "+") || byte == UInt8(ascii: ".")
  }
}
