import PrintableText
import Testing

@Suite struct PrintableTextTests {
  private func bytes(_ text: String) -> [UInt8] { Array(text.utf8) }

  private func octal(_ byte: UInt8) -> [UInt8] {
    let digits = String(byte, radix: 8)
    return bytes("\\" + String(repeating: "0", count: 3 - digits.count) + digits)
  }

  @Test func everyByteByItself() {
    for byte in UInt8.min ... .max {
      let isShown = (0x20..<0x7f).contains(byte)
      #expect(PrintableText.bytes([byte]) == (isShown ? [byte] : octal(byte)), "\(byte)")
      #expect(PrintableText.bytes([0x61, byte, 0x62]) == [0x61] + (isShown ? [byte] : octal(byte)) + [0x62], "\(byte)")
      let kept = isShown || byte == 0x0a
      #expect(PrintableText.bytes([byte], keepingNewlines: true) == (kept ? [byte] : octal(byte)), "\(byte)")
    }
  }

  @Test func everyCharacterOfTwoBytes() throws {
    for number in 0x80..<0x800 {
      let character = bytes(String(try #require(Unicode.Scalar(number))))
      // C1 is what a terminal may take for an escape sequence. U+061C changes the direction of text.
      let isEscaped = number < 0xa0 || number == 0x61c
      #expect(PrintableText.bytes(character) == (isEscaped ? character.flatMap(octal) : character), "\(number)")
    }
  }

  @Test(arguments: [
    ("café ▒ 😀", "café ▒ 😀"), ("a\u{2028}b\u{2029}", #"a\342\200\250b\342\200\251"#),
    ("a\u{202e}b\u{2066}", #"a\342\200\256b\342\201\246"#),
    ("\u{1F468}\u{200d}\u{1F469}", "\u{1F468}\u{200d}\u{1F469}"),
    ("\u{1b}]0;title\u{7}", #"\033]0;title\007"#), ("one\ntwo\r\n", #"one\012two\015\012"#),
    // What is escaped already is not escaped again.
    (#"/a\033b\134"#, #"/a\033b\134"#),
  ])
  func text(given: String, shown: String) { #expect(PrintableText.text(bytes(given)) == shown) }

  @Test func whatIsNotUTF8() {
    #expect(PrintableText.text([0xff, 0x61, 0xc3]) == #"\377a\303"#)
    // Cut off, too long for what it says, a surrogate, and beyond the last character.
    #expect(PrintableText.text([0xe2, 0x82, 0x41]) == #"\342\202A"#)
    #expect(PrintableText.text([0xc0, 0x9b]) == #"\300\233"#)
    #expect(PrintableText.text([0xed, 0xa0, 0x80]) == #"\355\240\200"#)
    #expect(PrintableText.text([0xf4, 0x90, 0x80, 0x80]) == #"\364\220\200\200"#)
    #expect(PrintableText.text([0x9b, 0x33, 0x31, 0x6d]) == #"\23331m"#)
  }

  @Test func anythingIsSafeAndStaysSo() {
    var random = SystemRandomNumberGenerator()
    for _ in 0..<2000 {
      let given = (0..<40).map { _ in UInt8.random(in: .min ... .max, using: &random) }
      let shown = PrintableText.bytes(given)
      let text = String(validating: shown, as: UTF8.self)
      #expect(text != nil && text?.unicodeScalars.allSatisfy { $0.properties.generalCategory != .control } == true)
      #expect(PrintableText.bytes(shown) == shown)
    }
  }
}
