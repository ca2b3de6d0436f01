import BlockMap

/// Answers as lines in the form of the map.
struct MapAnswers: AnswerFormat {
  let isText = true
  private let map: BlockMap

  init(_ map: BlockMap) { self.map = map }

  mutating func begin(_ question: Question, disk: Int, to output: inout [UInt8]) {}

  mutating func begin(_ entry: AnswerEntry, at index: Int, hasParts: Bool, to output: inout [UInt8]) {
    JSONText.append(UInt64(entry.disk), to: &output)
    output.append(0x20)
    HexNumber.append(entry.range.lowerBound, to: &output)
    output.append(0x20)
    HexNumber.append(entry.range.upperBound, to: &output)
    output.append(0x20)
    output.append(map.objects.kind(of: entry.object).rawValue)
    if entry.offset != 0, map.hasOffsets {
      output.append(0x40)
      HexNumber.append(entry.offset, to: &output)
    }
    output.append(0x20)
    map.objects.appendEscapedName(of: entry.object, to: &output)
    output.append(0x0a)
  }

  /// A line of a map has no room for this, so it is not asked.
  func add(_ part: StoredRange, at index: Int, to output: inout [UInt8]) {}

  func endEntry(hasParts: Bool, to output: inout [UInt8]) {}

  mutating func end(_ question: Question, to output: inout [UInt8]) {}

  func add(_ part: String, of byte: ContainerByte, to output: inout [UInt8]) {
    output += "# \(byte.description) \(part)\n".utf8
  }
}
