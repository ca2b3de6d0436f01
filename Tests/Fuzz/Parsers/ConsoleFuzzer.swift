@testable import GuestBoot

extension ParserFuzzer {
  /// What a guest writes to its console, in parts of any length.
  static let console = ParserFuzzer("console") { bytes in
    var whole = ConsoleText()
    var lines: [[UInt8]] = []
    whole.add(bytes) { lines.append($0) }
    for line in lines + [whole.line] {
      try check(line.count <= 2 * ConsoleText.mostBytes, "a line of \(line.count) bytes")
      try check(line.allSatisfy { $0 >= 0x20 && $0 != 0x7f }, "a control character in \(line)")
    }
    // The same byte by byte.
    var single = ConsoleText()
    var others: [[UInt8]] = []
    for byte in bytes { single.add(CollectionOfOne(byte)) { others.append($0) } }
    try check(lines == others && single.line == whole.line, "it matters how the bytes come")
  }
}
