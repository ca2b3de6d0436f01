import Glibc
import SystemPackage

/// Reads the lines of standard input.
struct InputLines {
  /// In bytes; longer than any unescaped name in a map. A longer line is not a question.
  private static let maximumLine = 1 << 20

  private var buffer = [UInt8](repeating: 0, count: 1 << 16)
  /// The start of a line that did not fit into the buffer.
  private var pending: [UInt8] = []

  /// Calls `body` with each line, without its newline and cut if it is too long.
  /// - Parameter beforeWaiting: called before each time that input may have to be waited for.
  mutating func forEach(
    beforeWaiting: () throws -> Void, _ body: (UnsafeRawBufferPointer) throws -> Void
  ) throws {
    while true {
      try beforeWaiting()
      let count = read(0, &buffer, buffer.count)
      if count < 0, errno == EINTR { continue }
      guard count >= 0 else { throw LookupError("standard input: \(Errno(rawValue: errno))") }
      guard count > 0 else { break }
      var rest = buffer[..<count]
      while let newline = rest.firstIndex(of: 0x0a) {
        if pending.isEmpty {
          try rest[..<newline].withUnsafeBytes(body)
        } else {
          append(rest[..<newline])
          try pending.withUnsafeBytes(body)
          pending.removeAll(keepingCapacity: true)
        }
        rest = rest[(newline + 1)...]
      }
      append(rest)
    }
    if !pending.isEmpty { try pending.withUnsafeBytes(body) }
  }

  private mutating func append(_ bytes: ArraySlice<UInt8>) {
    pending += bytes.prefix(Self.maximumLine - pending.count)
  }
}
