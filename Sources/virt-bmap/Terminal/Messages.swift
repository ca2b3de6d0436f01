import Glibc
import PrintableText

/// Prints lines for the user. They can contain text from a guest, an image, a map or the appliance. It is made safe for
/// a terminal here and nowhere else.
enum Messages {
  /// Prints `virt-bmap: …` on standard error.
  static func error(_ text: String) { line("virt-bmap: \(text)", to: 2) }

  /// Prints one line, whatever it contains.
  static func line(_ text: String, to descriptor: Int32) { lines([text], to: descriptor) }

  /// Prints lines that belong together. They are printed in one write, so that lines of several threads do not mix.
  static func lines(_ lines: [String], to descriptor: Int32) {
    write(lines.flatMap { printable($0) + [0x0a] }, to: descriptor)
  }

  /// The bytes of a line, without its newline.
  ///
  /// The parser's messages contain arguments, which need not be text.
  static func printable(_ line: String) -> [UInt8] { PrintableText.bytes(ArgumentBytes.decode(line)) }

  /// The lines of an answer, unchanged except for what a terminal could obey.
  static func printable(answer lines: [UInt8]) -> [UInt8] {
    // Nearly all lines are plain ASCII, and answers are long.
    guard lines.contains(where: { !(0x20..<0x7f).contains($0) && $0 != 0x0a }) else { return lines }
    return PrintableText.bytes(lines, keepingNewlines: true)
  }

  /// Writes bytes unchanged.
  ///
  /// Returns false and sets errno if not everything could be written.
  @discardableResult
  static func write(_ bytes: [UInt8], to descriptor: Int32) -> Bool {
    var start = 0
    while start < bytes.count {
      let count = bytes[start...].withUnsafeBytes { Glibc.write(descriptor, $0.baseAddress, $0.count) }
      guard count > 0 || errno == EINTR else { return false }
      start += max(0, count)
    }
    return true
  }
}
