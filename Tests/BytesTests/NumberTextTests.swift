import Bytes
import Testing

@Suite struct NumberTextTests {
  @Test(
    arguments: [
      ("0", 0, 0, 0, 0), ("18446744073709551615", UInt64.max, .max, .max, .max),
      ("18446744073709551616", nil, nil, nil, nil),
      ("0x1F", nil, 31, 31, 31), ("0X1f", nil, 31, 31, 31), ("0x", nil, nil, nil, nil), ("017", 17, 17, 15, 17),
      ("08", 8, 8, nil, 8), ("", nil, nil, nil, nil), ("-1", nil, nil, nil, nil), ("+1", nil, nil, nil, nil),
      ("1 ", nil, nil, nil, nil), ("4k", nil, nil, nil, 4096), ("4K", nil, nil, nil, 4096),
      ("0x1M", nil, nil, nil, 1 << 20),
      ("2G", nil, nil, nil, 2 << 30), ("3t", nil, nil, nil, 3 << 40), ("5s", nil, nil, nil, 2560),
      ("s", nil, nil, nil, nil),
      ("17179869184G", nil, nil, nil, nil), ("1f", nil, nil, nil, nil), ("0x10000000000000000", nil, nil, nil, nil),
    ] as [(String, UInt64?, UInt64?, UInt64?, UInt64?)])
  func numbers(_ text: String, decimal: UInt64?, number: UInt64?, literal: UInt64?, bytes: UInt64?) {
    let text = Array(text.utf8)[...]
    #expect(text.decimal == decimal && text.number == number)
    #expect(text.integerLiteral == literal && text.byteCount == bytes)
  }
}
