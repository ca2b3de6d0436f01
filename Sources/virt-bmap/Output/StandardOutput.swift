import SystemPackage

/// Collects an answer and writes it to standard output in blocks.
struct StandardOutput {
  /// Output is written in blocks of about this many bytes.
  private static let blockBytes = 1 << 16

  /// Whether control characters in names must not reach a terminal. JSON has none, and lists for xargs need the names
  /// as they are.
  private let isText: Bool
  private var buffer: [UInt8] = []
  /// How much of the buffer is whole answers.
  private var complete = 0

  /// - Parameter isText: whether to escape control characters, but not newlines.
  init(isText: Bool) { self.isText = isText }

  /// - Throws: `OutputError`.
  mutating func append(_ text: some Sequence<UInt8>) throws {
    try append { $0.append(contentsOf: text) }
  }

  /// Calls `body` with the buffer, to which it appends whole lines.
  mutating func append(_ body: (inout [UInt8]) -> Void) throws {
    body(&buffer)
    if buffer.count >= Self.blockBytes { try flush() }
  }

  /// Says that what was appended so far is whole.
  mutating func markComplete() { complete = buffer.count }

  /// Forgets what was appended since, as far as it has not been written.
  mutating func dropIncomplete() { buffer.removeLast(buffer.count - complete) }

  /// Writes what has not been written yet. An answer that cannot be written must not look like one that found nothing.
  mutating func flush() throws {
    do {
      _ = try FileDescriptor.standardOutput.writeAll(isText ? Messages.printable(answer: buffer) : buffer)
    } catch {
      throw OutputError("standard output: \(error)")
    }
    buffer.removeAll(keepingCapacity: true)
    complete = 0
  }
}

/// Why an answer could not be written.
struct OutputError: Error, CustomStringConvertible {
  let description: String

  init(_ description: String) { self.description = description }
}
