import WalkRecord

extension ParserFuzzer {
  /// A write to the channel disk. The records are encoded and decoded again.
  static let records = ParserFuzzer("records") { bytes in
    var found: [Record] = []
    do {
      try forEachRecord(in: bytes) { found.append($0) }
    } catch {}
    var buffer = RecordBuffer()
    for record in found { try buffer.append(record) }
    var again: [Record] = []
    try buffer.padded().withUnsafeBytes { try forEachRecord(in: $0) { again.append($0) } }
    try check(found == again, "records are not what they were when they are written again")
  }

  /// The recorder's stream of events, in pieces: the first byte plus 1 is their size.
  static let recorderEvents = ParserFuzzer("recorder-events") { bytes in
    guard let first = bytes.first else { return }
    let stream = UnsafeRawBufferPointer(rebasing: bytes.dropFirst())
    let whole = events(stream, pieces: max(1, stream.count))
    let pieces = events(stream, pieces: Int(first) + 1)
    try check(whole == pieces, "the size of the pieces makes a difference")
    for event in whole {
      guard case .channel(let write) = event else { continue }
      try? write.withUnsafeBytes { try forEachRecord(in: $0) { _ in } }
    }
  }

  private static func events(_ stream: UnsafeRawBufferPointer, pieces size: Int) -> [RecorderEvent] {
    var decoder = RecorderEventDecoder()
    var found: [RecorderEvent] = []
    for start in stride(from: 0, to: stream.count, by: size) {
      let piece = UnsafeRawBufferPointer(rebasing: stream[start..<min(start + size, stream.count)])
      do {
        try decoder.decode(piece) { found.append($0) }
      } catch {
        return found
      }
    }
    return found
  }

  /// The recorder's answer to the walker.
  static let feedback = ParserFuzzer("feedback") { bytes in
    guard let feedback = Feedback(bytes) else { return }
    let again = feedback.encoded.withUnsafeBytes { Feedback($0) }
    try check(feedback == again, "feedback is not what it was when it is written again")
  }
}
