/// What a guest writes to its serial console, as lines of text.
///
/// Escape sequences (ECMA-48) and control characters are left out, because a guest can write anything. A line ends at a
/// newline or a carriage return. At most the last `mostBytes` of a line are kept.
package struct ConsoleText {
  /// In bytes.
  package static let mostBytes = 4096

  /// The line that is not finished yet.
  package private(set) var line: [UInt8] = []
  private var state = State.text

  private enum State {
    case text
    /// After ESC.
    case escape
    /// In ESC [ … or ESC ( …, which a byte of this range ends.
    case sequence(ClosedRange<UInt8>)
    /// In ESC ] … and other strings, which BEL or ESC \ ends.
    case string
    case escapeInString
  }

  package init() {}

  /// Adds what the guest has written.
  /// - Parameter finished: called with each line that is finished, without its end, unless it is empty.
  package mutating func add(_ bytes: some Sequence<UInt8>, finished: ([UInt8]) -> Void) {
    for byte in bytes { add(byte, finished) }
  }

  private mutating func add(_ byte: UInt8, _ finished: ([UInt8]) -> Void) {
    switch state {
    case .text: addText(byte, finished)
    case .escape: state = Self.afterEscape(byte)
    case .sequence(let ends): if ends.contains(byte) { state = .text }
    case .string:
      if byte == 0x07 { state = .text } else if byte == 0x1b { state = .escapeInString }
    case .escapeInString: state = byte == UInt8(ascii: "\\") ? .text : .string
    }
  }

  private static func afterEscape(_ byte: UInt8) -> State {
    switch byte {
    case UInt8(ascii: "["): .sequence(0x40...0x7e)
    case UInt8(ascii: "]"), UInt8(ascii: "P"), UInt8(ascii: "X"), UInt8(ascii: "^"), UInt8(ascii: "_"): .string
    // Intermediate bytes, such as in ESC ( B.
    case 0x20...0x2f: .sequence(0x30...0x7e)
    default: .text
    }
  }

  private mutating func addText(_ byte: UInt8, _ finished: ([UInt8]) -> Void) {
    switch byte {
    case 0x1b: state = .escape
    case 0x0a, 0x0d:
      if !line.isEmpty { finished(line) }
      line.removeAll(keepingCapacity: true)
    case 0x09: append(0x20)
    case 0x08: if !line.isEmpty { line.removeLast() }
    case 0..<0x20, 0x7f: break
    default: append(byte)
    }
  }

  private mutating func append(_ byte: UInt8) {
    // Dropping many bytes at once keeps this fast for a line without an end.
    if line.count >= 2 * Self.mostBytes { line.removeFirst(Self.mostBytes) }
    line.append(byte)
  }
}
