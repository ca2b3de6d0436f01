import BlockMap

/// A range of a disk and an object that it belongs to.
struct AnswerEntry {
  var disk: Int
  /// In bytes of the disk.
  var range: Range<UInt64>
  /// The offset of the range in the object, in bytes.
  var offset: UInt64
  var object: ObjectID
}

/// A form in which answers are written. The methods append whole lines, or for JSON parts of one.
protocol AnswerFormat {
  /// Whether control characters must be escaped before the output reaches a terminal.
  var isText: Bool { get }

  mutating func begin(_ question: Question, disk: Int, to output: inout [UInt8])
  /// - Parameters:
  ///   - index: how many entries came before this one.
  ///   - hasParts: whether `add(_:at:to:)` will say where the range is in the files of the disk's image.
  mutating func begin(_ entry: AnswerEntry, at index: Int, hasParts: Bool, to output: inout [UInt8])
  /// Says where a part of the entry is in these files.
  /// - Parameter index: how many parts of the entry came before this one.
  func add(_ part: StoredRange, at index: Int, to output: inout [UInt8])
  func endEntry(hasParts: Bool, to output: inout [UInt8])
  mutating func end(_ question: Question, to output: inout [UInt8])
  /// Says what a byte of one of the image's own files holds, if that is not a part of the disk.
  /// - Parameter part: in words.
  func add(_ part: String, of byte: ContainerByte, to output: inout [UInt8])
}

/// Writes answers to standard output as they are found, because an answer can be much larger than the map.
struct AnswerWriter {
  private var format: any AnswerFormat
  private var output: StandardOutput
  /// Answers where ranges are in the files of the image; nil if that is not asked.
  private let container: ContainerFiles?
  private var entries = 0
  /// Whether a question had no answer.
  private(set) var isMissing = false

  init(_ format: any AnswerFormat, container: ContainerFiles?) {
    self.format = format
    self.container = container
    output = StandardOutput(isText: format.isText)
  }

  mutating func begin(_ question: Question, disk: Int) throws {
    entries = 0
    try output.append { format.begin(question, disk: disk, to: &$0) }
  }

  mutating func add(_ entry: AnswerEntry) throws {
    let hasParts = container != nil
    try output.append { format.begin(entry, at: entries, hasParts: hasParts, to: &$0) }
    var parts = 0
    try container?.forEachPart(of: entry.range, ofDisk: entry.disk) { part in
      try output.append { format.add(part, at: parts, to: &$0) }
      parts &+= 1
    }
    try output.append { format.endEntry(hasParts: hasParts, to: &$0) }
    entries &+= 1
  }

  mutating func add(_ part: String, of byte: ContainerByte) throws {
    try output.append { format.add(part, of: byte, to: &$0) }
    output.markComplete()
  }

  /// - Parameter size: the size of the disk that the question is about, in bytes, if it is known.
  mutating func end(_ question: Question, diskSize size: UInt64?) throws {
    try output.append { format.end(question, to: &$0) }
    output.markComplete()
    guard entries == 0 else { return }
    isMissing = true
    try flush()
    var reason = ""
    if case .range(let range) = question.asked, let size, range.lowerBound >= size {
      reason = ": the disk has \(size) bytes"
    }
    Messages.error("nothing found for \(question.description)\(reason)")
  }

  /// Writes the answers before the one that failed.
  mutating func flushAfterError() {
    output.dropIncomplete()
    try? flush()
  }

  /// Writes what was found so far. Call this before waiting for more questions, and at the end.
  mutating func flush() throws { try output.flush() }
}
