import Glibc
import PrintableText

/// Lines for the user. What is in them may be a guest's, an image's, a map's or the appliance's: here, and nowhere else, it
/// is made safe for a terminal.
enum Messages {
  /// `virt-bmap: …` on standard error.
  static func error(_ text: String) { line("virt-bmap: \(text)", to: 2) }

  /// Prints one line, whatever is in it.
  static func line(_ text: String, to descriptor: Int32) { lines([text], to: descriptor) }

  /// Prints lines that belong together. One write, so that lines of several threads do not mix.
  static func lines(_ lines: [String], to descriptor: Int32) {
    write(lines.flatMap { printable($0) + [0x0a] }, to: descriptor)
  }

  /// A line without its end.
  ///
  /// The parser's messages hold arguments, which need not be text.
  static func printable(_ line: String) -> [UInt8] { PrintableText.bytes(ArgumentBytes.decode(line)) }

  /// The lines of an answer, which are printed as they are but for what a terminal might obey.
  static func printable(answer lines: [UInt8]) -> [UInt8] { PrintableText.bytes(lines, keepingNewlines: true) }

  /// Writes bytes as they are.
  ///
  /// False with errno set: not all could be written.
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
