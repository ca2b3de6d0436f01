import Glibc
import Screen
import Testing

/// The columns of texts, of which terminals and hostile names have different ideas.
@Suite struct ScreenTextTests {
  init() {
    // Debian always has this locale. Other tests do not depend on it.
    setlocale(LC_CTYPE, "C.UTF-8")
  }

  private func text(_ name: String, _ columns: Int = 80, keepsEnd: Bool = false, isUTF8: Bool = true) -> ScreenText {
    ScreenText(Array(name.utf8), columns: columns, keepsEnd: keepsEnd, isUTF8: isUTF8)
  }

  private func shown(_ text: ScreenText) -> String { String(decoding: text.bytes, as: UTF8.self) }

  @Test(arguments: [
    ("plain", 5), ("", 0), ("中文", 4), ("e\u{301}", 1), ("Ünïcödé", 7), ("한국", 4), ("😀", 2), ("a\u{1b}[31m", 9),
    ("\u{202e}gpj", 15), ("\u{200b}", 12), ("\u{fe0f}", 12), ("a\tb\n", 10), ("\u{e000}", 12), ("\u{301}", 8),
  ])
  func columns(name: String, expected: Int) {
    #expect(text(name).columns == expected, "\(shown(text(name)))")
  }

  @Test func onlyTwoMarksStayOnALetter() {
    #expect(shown(text("e\u{301}\u{301}\u{301}")) == "e\u{301}\u{301}\\314\\201")
  }

  @Test func bytesThatAreNoText() {
    #expect(shown(ScreenText([0x61, 0xff, 0x1b], columns: 80, keepsEnd: false, isUTF8: true)) == "a\\377\\033")
  }

  @Test func withoutUTF8ThereIsOnlyASCII() {
    #expect(shown(text("é/x", isUTF8: false)) == "\\303\\251/x")
    #expect(shown(text("0123456789", 5, isUTF8: false)) == "0123~")
  }

  @Test(arguments: [
    ("0123456789", 5, false, "0123…"), ("0123456789", 5, true, "…6789"), ("01234", 5, true, "01234"),
    // A wide character does not fit into the last column.
    ("中文字", 4, false, "中…"), ("中文字", 4, true, "…字"), ("abc", 1, true, "…"), ("abc", 0, true, ""),
  ])
  func cut(name: String, columns: Int, keepsEnd: Bool, expected: String) {
    let cut = text(name, columns, keepsEnd: keepsEnd)
    #expect(shown(cut) == expected)
    #expect(cut.columns <= columns)
  }

  @Test func aVeryLongNameIsCutAtOnce() {
    let long = [UInt8](repeating: 0xcc, count: 64 << 20)
    let cut = ScreenText(long, columns: 30, keepsEnd: true, isUTF8: true)
    #expect(cut.columns <= 30 && shown(cut).hasSuffix("\\314"))
  }

  @Test func padding() {
    let padded = text("中").padded(to: 4)
    #expect(shown(padded) == "中  " && padded.columns == 4)
  }
}
