import Testing

@testable import Bytes

/// Text is split as bytes, so that no name chosen by a guest can hide a separator.
@Suite struct ProgramTextTests {
  /// A combining mark, which forms one grapheme cluster with the character before it.
  private static let mark = "\u{301}"

  @Test func linesAndFields() {
    #expect("a b\n\nc\td \n".lines.map(\.fields) == [["a", "b"], ["c", "d"]])
    #expect("a\n\(Self.mark)b\r\nc".lines.map { Array($0.utf8) } == [[0x61], Array("\(Self.mark)b\r".utf8), [0x63]])
    #expect("a \(Self.mark)b".fields.map { Array($0.utf8) } == [[0x61], Array("\(Self.mark)b".utf8)])
  }

  @Test func parts() {
    #expect("a::b".parts(between: ":") == ["a", "b"])
    #expect("a::b".parts(between: ":", omittingEmptySubsequences: false) == ["a", "", "b"])
    #expect("a=\(Self.mark)b=c".parts(between: "=", maxSplits: 1).map { $0.utf8.count } == [1, 5])
  }

  @Test func trimmed() {
    #expect(" \t a b \t".trimmed == "a b")
    #expect(" \t ".trimmed == "")
    #expect(" é ".trimmed == "é")
  }
}
