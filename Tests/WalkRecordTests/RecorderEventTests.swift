import TestSupport
import Testing

@testable import WalkRecord

@Suite struct RecorderEventTests {
  private static let samples: [RecorderEvent] = [
    .written(disk: 2, offset: 1 << 40, length: 4096), .unreadable(disk: 3, offset: 512, length: 512),
    .read(disk: 1, offset: 0, length: 512), .channel([]), .channel(Array(0...255)),
    .read(disk: 255, offset: .max, length: .max), .channel([UInt8](repeating: 7, count: 70_000)),
    .read(disk: 0, offset: 1, length: 0),
  ]

  private func decode(_ bytes: [UInt8], pieces: () -> Int) throws -> [RecorderEvent] {
    var decoder = RecorderEventDecoder()
    var result: [RecorderEvent] = []
    var rest = bytes[...]
    while !rest.isEmpty {
      let piece = rest.prefix(max(1, pieces()))
      rest = rest.dropFirst(piece.count)
      try piece.withUnsafeBytes { bytes in try decoder.decode(bytes) { result.append($0) } }
    }
    return result
  }

  @Test(arguments: [1, 3, 15, 16, 17, 4096, 1 << 20])
  func eventsComeBackInPiecesOfAnySize(size: Int) throws {
    #expect(try decode(Self.samples.flatMap(\.encoded)) { size } == Self.samples)
  }

  @Test func eventsComeBackInPiecesOfRandomSizes() throws {
    var random = Seeded(2)
    for _ in 0..<20 {
      #expect(try decode(Self.samples.flatMap(\.encoded)) { Int.random(in: 1...5000, using: &random) } == Self.samples)
    }
  }

  @Test func aWriteTooLongIsAnError() throws {
    let header = Array(RecorderEvent.channel([UInt8](repeating: 0, count: 1 << 20 + 1)).encoded.prefix(16))
    #expect(throws: RecordError.self) { try decode(header) { 16 } }
  }

  @Test func hostileBytesNeverTrap() {
    var random = Seeded(3)
    for _ in 0..<5000 {
      var bytes = random.bytes(Int.random(in: 0..<100, using: &random))
      if !bytes.isEmpty { bytes[0] = UInt8.random(in: 0...3, using: &random) }
      _ = try? decode(bytes) { Int.random(in: 1...40, using: &random) }
    }
  }
}

@Suite struct FeedbackTests {
  private func decoded(_ bytes: [UInt8]) -> Feedback? { bytes.withUnsafeBytes { Feedback($0) } }

  @Test func answersComeBack() {
    for numbers in [[], [1], [.max, 0, 77], (1...UInt32(Feedback.capacity)).map { $0 }] {
      let bytes = Feedback(ambiguous: numbers).encoded
      #expect(bytes.count == Feedback.size)
      #expect(decoded(bytes) == Feedback(ambiguous: numbers))
    }
  }

  @Test func whatIsNoAnswerIsNone() {
    #expect(decoded([]) == nil)
    #expect(decoded([1, 0, 0, 0]) == nil)
    #expect(decoded([UInt8](repeating: 0xff, count: Feedback.size)) == nil)
  }
}
