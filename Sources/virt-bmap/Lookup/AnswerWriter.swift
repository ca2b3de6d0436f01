import BlockMap
import SystemPackage

/// Writes answers to standard output as they are found, because an answer can be much larger than the map.
struct AnswerWriter {
  /// A range and an object that it belongs to.
  struct Entry {
    var disk: Int
    var range: Range<UInt64>
    /// The offset of the range in the object, in bytes.
    var offset: UInt64
    var object: ObjectID
  }

  enum Format {
    /// Lines in the form of the map.
    case text
    /// One line per question, with the question and an array of the objects found. This form is part of the program's
    /// interface: numbers are decimal bytes, and keys are in alphabetical order.
    case json
  }

  /// Output is written in blocks of about this many bytes.
  private static let blockBytes = 1 << 16

  private let map: BlockMap
  private let format: Format
  private var buffer: [UInt8] = []
  private var entries = 0
  /// Whether a question had no answer.
  private(set) var isMissing = false

  init(_ map: BlockMap, format: Format) {
    self.map = map
    self.format = format
  }

  mutating func begin(_ question: Question, disk: Int) {
    entries = 0
    guard format == .json else { return }
    switch question {
    case .range(let range):
      append("{\"disk\":")
      JSONText.append(UInt64(disk), to: &buffer)
      append(",\"end\":")
      JSONText.append(range.upperBound, to: &buffer)
    case .object(let name):
      append("{\"name\":")
      JSONText.append(text: Escaping.text(name, as: .path), to: &buffer)
    }
    append(",\"objects\":[")
  }

  mutating func add(_ entry: Entry) throws {
    switch format {
    case .text: addLine(entry)
    case .json: addObject(entry)
    }
    entries &+= 1
    if buffer.count >= Self.blockBytes { try flush() }
  }

  mutating func end(_ question: Question) throws {
    isMissing = isMissing || entries == 0
    if format == .json {
      append("]")
      if case .range(let range) = question {
        append(",\"start\":")
        JSONText.append(range.lowerBound, to: &buffer)
      }
      append("}\n")
    }
    try flush()
  }

  private mutating func addLine(_ entry: Entry) {
    let offset = entry.offset == 0 || !map.hasOffsets ? "" : "@\(String(entry.offset, radix: 16))"
    let (start, end) = (String(entry.range.lowerBound, radix: 16), String(entry.range.upperBound, radix: 16))
    append("\(entry.disk) \(start) \(end) \(letter(entry))\(offset) ")
    map.objects.appendEscapedName(of: entry.object, to: &buffer)
    append("\n")
  }

  private mutating func addObject(_ entry: Entry) {
    append(entries == 0 ? "{\"device\":" : ",{\"device\":")
    map.objects.device(of: entry.object).withUnsafeBytes { JSONText.append(name: $0, as: .device, to: &buffer) }
    append(",\"disk\":")
    JSONText.append(UInt64(entry.disk), to: &buffer)
    append(",\"end\":")
    JSONText.append(entry.range.upperBound, to: &buffer)
    append(",\"kind\":\"\(letter(entry))\"")
    if map.hasOffsets {
      append(",\"offset\":")
      JSONText.append(entry.offset, to: &buffer)
    }
    map.objects.withPath(of: entry.object) { path in
      guard let path else { return }
      append(",\"path\":")
      JSONText.append(name: path, as: .path, to: &buffer)
    }
    append(",\"start\":")
    JSONText.append(entry.range.lowerBound, to: &buffer)
    append("}")
  }

  private func letter(_ entry: Entry) -> String {
    String(Unicode.Scalar(map.objects.kind(of: entry.object).rawValue))
  }

  private mutating func append(_ text: String) { buffer += text.utf8 }

  /// An answer that cannot be written must not look like an answer that found nothing.
  private mutating func flush() throws {
    do {
      _ = try FileDescriptor.standardOutput.writeAll(format == .json ? buffer : Messages.printable(answer: buffer))
    } catch {
      throw LookupError("standard output: \(error)")
    }
    buffer.removeAll(keepingCapacity: true)
  }
}
