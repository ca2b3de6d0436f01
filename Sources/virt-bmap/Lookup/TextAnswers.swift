import BlockMap

/// Answers for people: the question, and below it a line for each object.
struct TextAnswers: AnswerFormat {
  let isText = true
  private let map: BlockMap
  /// The size of each object in bytes, as far as the map shows it.
  private let sizes: [UInt64]
  private var question: Question?
  /// The piece of the question that the last entry was about.
  private var piece: Range<UInt64>?

  init(_ map: BlockMap) {
    self.map = map
    var sizes = [UInt64](repeating: 0, count: map.objects.count)
    for range in map.ranges {
      let (object, length) = (Int(range.object.rawValue), range.range.upperBound - range.range.lowerBound)
      // The offsets in a directory need not mean bytes.
      let isDirectory = map.objects.kind(of: range.object) == .directory
      sizes[object] = isDirectory ? sizes[object] &+ length : max(sizes[object], range.objectOffset &+ length)
    }
    self.sizes = sizes
  }

  mutating func begin(_ question: Question, disk: Int, to output: inout [UInt8]) {
    self.question = question
    piece = nil
  }

  mutating func begin(_ entry: AnswerEntry, at index: Int, hasParts: Bool, to output: inout [UInt8]) {
    guard let question else { return }
    let isAboutBytes: Bool
    switch question.asked {
    case .range(let asked):
      isAboutBytes = true
      if piece != entry.range { appendTitle(of: entry.range, asked, question, to: &output) }
      piece = entry.range
    case .object:
      isAboutBytes = false
      if index == 0 { output += "\(question.description):\n".utf8 }
    }
    output += "    ".utf8
    output += map.objects.kind(of: entry.object).word.utf8
    output.append(0x20)
    map.objects.appendEscapedName(of: entry.object, to: &output)
    if map.hasOffsets { appendShare(of: entry, to: &output) }
    if !isAboutBytes {
      output += ", disk ".utf8
      JSONText.append(UInt64(entry.disk), to: &output)
      output += " bytes ".utf8
      append(entry.range, to: &output)
    }
    output.append(0x0a)
  }

  /// The question or, if it has several pieces, the piece that the next lines are about.
  private func appendTitle(
    of piece: Range<UInt64>, _ asked: Range<UInt64>, _ question: Question, to output: inout [UInt8]
  ) {
    output += question.description.utf8
    if piece != asked {
      output += ", bytes ".utf8
      append(piece, to: &output)
    }
    output += ":\n".utf8
  }

  /// Which part of the object it is, and how much of it.
  private func appendShare(of entry: AnswerEntry, to output: inout [UInt8]) {
    let length = entry.range.upperBound - entry.range.lowerBound
    let size = sizes[Int(entry.object.rawValue)]
    if length == 1 {
      output += ", byte ".utf8
      JSONText.append(entry.offset, to: &output)
    } else {
      output += ", bytes ".utf8
      append(entry.offset..<max(entry.offset, entry.offset &+ length), to: &output)
    }
    output += " of ".utf8
    JSONText.append(size, to: &output)
    guard length > 1, size > 0 else { return }
    // In hundredths of a percent, rounded down.
    let (high, low) = length.multipliedFullWidth(by: 10_000)
    let share = high < size ? min(size.dividingFullWidth((high, low)).quotient, 10_000) : 10_000
    output += " (".utf8
    JSONText.append(share, decimals: 2, to: &output)
    output += " %)".utf8
  }

  private func append(_ range: Range<UInt64>, to output: inout [UInt8]) {
    JSONText.append(range.lowerBound, to: &output)
    output.append(UInt8(ascii: "-"))
    JSONText.append(range.upperBound, to: &output)
  }

  func add(_ part: StoredRange, at index: Int, to output: inout [UInt8]) {
    output += "        bytes ".utf8
    append(part.range, to: &output)
    if let file = part.file {
      output += (part.state == .compressed ? ": compressed in " : ": in ").utf8
      output += "\(Escaping.text(file.bytes, as: .path)) from byte \(part.offset)\n".utf8
    } else {
      output += ": \(part.state.rawValue)\n".utf8
    }
  }

  func endEntry(hasParts: Bool, to output: inout [UInt8]) {}

  mutating func end(_ question: Question, to output: inout [UInt8]) {}

  func add(_ part: String, of byte: ContainerByte, to output: inout [UInt8]) {
    output += "\(byte.description):\n    \(part)\n".utf8
  }
}
