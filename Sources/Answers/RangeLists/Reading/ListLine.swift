import Bytes

/// A line of a list, which is taken apart from its start.
struct ListLine {
  /// Counted from 1.
  let number: Int
  private var rest: ArraySlice<UInt8>

  /// - Parameter text: without the newline.
  init(_ text: [UInt8], number: Int) {
    self.number = number
    rest = text[...]
    skipBlanks()
  }

  /// Whether nothing is left, or only a comment.
  var isAtEnd: Bool { rest.first.map { $0 == UInt8(ascii: "#") } ?? true }

  /// What is left.
  var text: ArraySlice<UInt8> { rest }

  /// The bytes up to the next blank; empty at the end.
  mutating func word() -> ArraySlice<UInt8> {
    guard !isAtEnd else { return [] }
    let end = rest.firstIndex(where: Self.isBlank) ?? rest.endIndex
    let word = rest[rest.startIndex..<end]
    rest = rest[end...]
    skipBlanks()
    return word
  }

  private mutating func skipBlanks() {
    rest = rest[(rest.firstIndex { !Self.isBlank($0) } ?? rest.endIndex)...]
  }

  /// A carriage return at the end of a line is one.
  private static func isBlank(_ byte: UInt8) -> Bool { byte == 0x20 || byte == 0x09 || byte == 0x0d }
}

extension ArraySlice<UInt8> {
  func equals(_ text: StaticString) -> Bool {
    text.withUTF8Buffer { elementsEqual($0) }
  }
}
