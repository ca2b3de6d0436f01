import AccessFigures
import BlockMap
import Bytes

/// Writes JSON value by value. The caller takes the text from time to time.
struct JSONWriter {
  private(set) var text: [UInt8] = []
  private var isFirst = true

  /// Returns the text so far, and forgets it.
  mutating func take() -> [UInt8] {
    defer { text.removeAll(keepingCapacity: true) }
    return text
  }

  mutating func object(_ key: StaticString? = nil, _ body: (inout JSONWriter) throws -> Void) rethrows {
    begin(key, 0x7b)
    try body(&self)
    end(0x7d)
  }

  mutating func list(_ key: StaticString? = nil, _ body: (inout JSONWriter) throws -> Void) rethrows {
    begin(key, 0x5b)
    try body(&self)
    end(0x5d)
  }

  mutating func number(_ key: StaticString? = nil, _ number: UInt64) {
    separate(key)
    JSONText.append(number, to: &text)
  }

  /// A number with this many decimals, given as a multiple of the last of them; null for nil.
  mutating func number(_ key: StaticString? = nil, _ number: UInt64?, decimals: Int) {
    guard let number else { return null(key) }
    separate(key)
    JSONText.append(number, decimals: decimals, to: &text)
  }

  mutating func moment(_ key: StaticString? = nil, _ moment: UInt64?, hasTimes: Bool) {
    guard let moment else { return null(key) }
    separate(key)
    Moments.append(moment, hasTimes: hasTimes, to: &text)
  }

  mutating func boolean(_ key: StaticString? = nil, _ value: Bool) {
    separate(key)
    text.append(contentsOf: (value ? "true" : "false").utf8)
  }

  mutating func null(_ key: StaticString? = nil) {
    separate(key)
    text.append(contentsOf: "null".utf8)
  }

  mutating func string(_ key: StaticString? = nil, _ value: String) {
    separate(key)
    JSONText.append(text: value, to: &text)
  }

  /// A name, escaped as in a map, and bytes that are not UTF-8 as well.
  mutating func name(_ key: StaticString? = nil, _ name: UnsafeRawBufferPointer, as field: Escaping.Field) {
    separate(key)
    JSONText.append(name: name, as: field, to: &text)
  }

  mutating func newline() { text.append(0x0a) }

  private mutating func begin(_ key: StaticString?, _ bracket: UInt8) {
    separate(key)
    text.append(bracket)
    isFirst = true
  }

  private mutating func end(_ bracket: UInt8) {
    text.append(bracket)
    isFirst = false
  }

  private mutating func separate(_ key: StaticString?) {
    if !isFirst { text.append(0x2c) }
    isFirst = false
    guard let key else { return }
    text.append(0x22)
    text.append(contentsOf: UnsafeBufferPointer(start: key.utf8Start, count: key.utf8CodeUnitCount))
    text.append(contentsOf: "\":".utf8)
  }
}
