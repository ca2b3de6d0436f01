import BlockMap
import LogReading
import SystemPackage

/// Reads a log of the logger, or of `virt-bmap annotate`.
struct LogInput {
  private static let blockBytes = 1 << 20

  /// The log, as the user gave it; `-` is standard input.
  let name: String
  private(set) var parser = LogParser()
  /// Whether the log was cut off or has gaps. Warnings said so.
  private(set) var isPartial = false

  /// - Parameter name: as the user gave it.
  init(_ name: String) { self.name = name }

  /// The name for messages.
  var shownName: String { name == "-" ? "standard input" : name }

  /// Calls `body` for each request, and warns of what is missing.
  /// - Throws: `InputError`, and what `body` throws.
  mutating func read(_ body: LogParser.Body) throws {
    do {
      guard name != "-" else { return try read(FileDescriptor.standardInput, body) }
      let file = try FileDescriptor.open(filePath(name), .readOnly, options: [.closeOnExec])
      defer { try? file.close() }
      try read(file, body)
    } catch let error as LogError {
      throw InputError(shownName, error.description)
    } catch let error as Errno {
      throw InputError(shownName, "cannot be read: \(error)")
    }
  }

  private mutating func read(_ file: FileDescriptor, _ body: LogParser.Body) throws {
    let block = UnsafeMutableRawBufferPointer.allocate(byteCount: Self.blockBytes, alignment: 16)
    defer { block.deallocate() }
    while case let count = try file.read(into: block), count > 0 {
      try parser.feed(UnsafeRawBufferPointer(rebasing: block[..<count]), body)
    }
    if let line = try parser.finish() {
      warn("line \(line): the log ends in the middle of this line, which is left out")
    }
    if parser.lost > 0 { warn("\(parser.lost) requests are missing: the logger could not write them") }
  }

  private mutating func warn(_ message: String) {
    isPartial = true
    Messages.error("warning: \(InputError(shownName, message))")
  }
}
