import Glibc

/// An extended regular expression (POSIX), as grep -E has it, for lines of the console.
package final class ConsolePattern: @unchecked Sendable {
  // After `init`, it is only read: regexec(3) may be called from any thread.
  private var compiled = regex_t()
  package let text: [UInt8]

  /// Why an expression is none. The description is for the user.
  package struct Invalid: Error, CustomStringConvertible {
    package let description: String
  }

  package init(_ text: [UInt8]) throws(Invalid) {
    self.text = text
    guard !text.isEmpty else { throw Invalid(description: "the expression is empty") }
    let status = regcomp(&compiled, text.map { CChar(bitPattern: $0) } + [0], REG_EXTENDED | REG_NOSUB)
    guard status == 0 else {
      var message = [CChar](repeating: 0, count: 256)
      regerror(status, &compiled, &message, message.count)
      throw Invalid(
        description: String(decoding: message.prefix { $0 != 0 }.map { UInt8(bitPattern: $0) }, as: UTF8.self))
    }
  }

  deinit { regfree(&compiled) }

  /// Whether a part of a line matches.
  /// - Parameter line: without NULs.
  package func matches(_ line: [UInt8]) -> Bool {
    regexec(&compiled, line.map { CChar(bitPattern: $0) } + [0], 0, nil, 0) == 0
  }
}
