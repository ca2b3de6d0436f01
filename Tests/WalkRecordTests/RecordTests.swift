import TestSupport
import Testing

@testable import WalkRecord

@Suite struct RecordTests {
  /// One record of each type, with fields at their limits.
  static let samples: [Record] = [
    .begin(inodes: 0, bytes: .max), .object(id: 1, parent: 0, kind: .directory, name: []),
    .object(id: .max, parent: 0x0102_0304_0506_0708, kind: .file, name: Array(0...255)),
    .inode(id: 7, number: .max), .link(id: 2, parent: 1, name: [0x0a, 0x2f, 0x5c, 0xff]),
    .chunk(
      Chunk(number: .max, replaces: 0x8000_0001, object: 9, offset: .max, length: 0x1234_5678_9abc, layout: .encoded)),
    .chunk(Chunk(number: 1, object: 1, offset: 0, length: 0, layout: .stream)),
    .chunk(Chunk(number: 2, object: 1, offset: 4096, length: 1, layout: .exact)),
    .extent(ReportedExtent(object: 5, offset: .max, length: 1 << 50, physical: 7, content: .data)),
    .extent(ReportedExtent(object: 5, offset: 0, length: 1, physical: .max, content: .dataToCheck)),
    .extent(ReportedExtent(object: 6, offset: 1 << 40, length: 4096, physical: 1, content: .unwritten)),
    .idle, .settled,
    .failure(parent: 3, errno: -1, name: [UInt8](repeating: 0x6e, count: 4096)),
    .failure(parent: 3, errno: .max, name: []), .end,
  ]

  private func decoded(_ bytes: [UInt8]) throws -> [Record] {
    var result: [Record] = []
    try bytes.withUnsafeBytes { bytes in try forEachRecord(in: bytes) { result.append($0) } }
    return result
  }

  @Test func everyRecordComesBack() throws {
    for record in Self.samples {
      var buffer = RecordBuffer()
      try buffer.append(record)
      #expect(try decoded(buffer.padded()) == [record])
    }
    var buffer = RecordBuffer()
    for record in Self.samples { try buffer.append(record) }
    let bytes = buffer.padded()
    #expect(bytes.count % 512 == 0)
    #expect(try decoded(bytes) == Self.samples)
  }

  @Test func aBufferIsUsedAgain() throws {
    var buffer = RecordBuffer()
    #expect(buffer.isEmpty)
    for record in Self.samples { try buffer.append(record) }
    _ = buffer.padded()
    buffer.clear()
    #expect(buffer.isEmpty)
    try buffer.append(.end)
    #expect(!buffer.isEmpty)
    #expect(try decoded(buffer.padded()) == [.end])
  }

  @Test func aNameTooLongIsAnError() throws {
    var buffer = RecordBuffer()
    try buffer.append(.link(id: 1, parent: 1, name: [UInt8](repeating: 0x61, count: 65_535 - 16)))
    let before = buffer.bytes
    #expect(throws: RecordError.self) {
      try buffer.append(.link(id: 1, parent: 1, name: [UInt8](repeating: 0x61, count: 65_536 - 16)))
    }
    #expect(buffer.bytes == before)
  }

  @Test func whatIsNoRecordIsAnError() throws {
    var buffer = RecordBuffer()
    try buffer.append(.end)
    let good = buffer.padded()
    for bytes in [
      [], Array(good.prefix(7)), [UInt8](repeating: 0, count: 512), Array("VBW2".utf8) + good.dropFirst(4),
      // The length is less than the header, or more than the buffer.
      good.replacing(4, with: 7), good.replacing(5, with: 3),
      // An unknown type or layout, or a payload longer than the rest of the buffer.
      good.replacing(8, with: 99), good.replacing(8, with: 0), good.replacing(8, with: 4), good.replacing(8, with: 11),
      good.replacing(10, with: 1),
    ] {
      #expect(throws: RecordError.self) { try decoded(bytes) }
    }
  }

  @Test func hostileBytesNeverTrap() throws {
    var random = Seeded(1)
    var buffer = RecordBuffer()
    for record in Self.samples { try buffer.append(record) }
    let good = buffer.padded()
    for round in 0..<20_000 {
      var bytes = round % 4 == 0 ? Array(good.prefix(8)) + random.bytes(Int.random(in: 0..<64, using: &random)) : good
      if round % 4 == 0 {
        bytes[4] = UInt8(truncatingIfNeeded: bytes.count)
        bytes[5] = 0
      } else {
        for _ in 0...Int.random(in: 0..<4, using: &random) {
          bytes[Int.random(in: 0..<200, using: &random)] = UInt8(truncatingIfNeeded: random.next())
        }
        bytes = Array(bytes.prefix(Int.random(in: 0...bytes.count, using: &random)))
      }
      _ = try? decoded(bytes)
    }
  }
}

extension [UInt8] {
  fileprivate func replacing(_ index: Int, with byte: UInt8) -> [UInt8] {
    var copy = self
    copy[index] = byte
    return copy
  }
}
