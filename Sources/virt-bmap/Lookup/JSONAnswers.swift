import BlockMap

/// One JSON object for each question, on a line of its own, with the question and an array of the objects found. This
/// form is part of the program's interface: numbers are decimal bytes, and keys are in alphabetical order.
struct JSONAnswers: AnswerFormat {
  let isText = false
  private let map: BlockMap

  init(_ map: BlockMap) { self.map = map }

  mutating func begin(_ question: Question, disk: Int, to output: inout [UInt8]) {
    switch question.asked {
    case .range(let range):
      output += "{\"disk\":".utf8
      JSONText.append(UInt64(disk), to: &output)
      output += ",\"end\":".utf8
      JSONText.append(range.upperBound, to: &output)
    case .object(let name):
      output += "{\"name\":".utf8
      JSONText.append(text: Escaping.text(name, as: .path), to: &output)
    }
    output += ",\"objects\":[".utf8
  }

  mutating func begin(_ entry: AnswerEntry, at index: Int, hasParts: Bool, to output: inout [UInt8]) {
    if index > 0 { output.append(UInt8(ascii: ",")) }
    output += "{\"device\":".utf8
    map.objects.device(of: entry.object).withUnsafeBytes { JSONText.append(name: $0, as: .device, to: &output) }
    output += ",\"disk\":".utf8
    JSONText.append(UInt64(entry.disk), to: &output)
    output += ",\"end\":".utf8
    JSONText.append(entry.range.upperBound, to: &output)
    output += ",\"kind\":\"".utf8
    output.append(map.objects.kind(of: entry.object).rawValue)
    output += "\"".utf8
    if map.hasOffsets {
      output += ",\"offset\":".utf8
      JSONText.append(entry.offset, to: &output)
    }
    map.objects.withPath(of: entry.object) { path in
      guard let path else { return }
      output += ",\"path\":".utf8
      JSONText.append(name: path, as: .path, to: &output)
    }
    output += ",\"start\":".utf8
    JSONText.append(entry.range.lowerBound, to: &output)
    if hasParts { output += ",\"stored\":[".utf8 }
  }

  func add(_ part: StoredRange, at index: Int, to output: inout [UInt8]) {
    output += (index == 0 ? "{\"end\":" : ",{\"end\":").utf8
    JSONText.append(part.range.upperBound, to: &output)
    if let file = part.file {
      output += ",\"file\":".utf8
      JSONText.append(text: Escaping.text(file.bytes, as: .path), to: &output)
      output += ",\"offset\":".utf8
      JSONText.append(part.offset, to: &output)
    }
    output += ",\"start\":".utf8
    JSONText.append(part.range.lowerBound, to: &output)
    output += ",\"state\":\"\(part.state.rawValue)\"}".utf8
  }

  func endEntry(hasParts: Bool, to output: inout [UInt8]) { output += (hasParts ? "]}" : "}").utf8 }

  mutating func end(_ question: Question, to output: inout [UInt8]) {
    output += "]".utf8
    if case .range(let range) = question.asked {
      output += ",\"start\":".utf8
      JSONText.append(range.lowerBound, to: &output)
    }
    output += "}\n".utf8
  }

  func add(_ part: String, of byte: ContainerByte, to output: inout [UInt8]) {
    output += "{\"container\":".utf8
    JSONText.append(text: byte.description, to: &output)
    output += ",\"objects\":[],\"part\":\"\(part)\"}\n".utf8
  }
}
