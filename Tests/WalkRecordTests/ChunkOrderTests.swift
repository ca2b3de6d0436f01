import Testing
import WalkRecord

/// Whether the reads of a chunk prove which range holds which of its bytes.
@Suite struct ChunkOrderTests {
  private func isAmbiguous(_ layout: Chunk.Layout, length: UInt64, reads: [Range<UInt64>]) -> Bool {
    var chunk = ChunkReads(Chunk(number: 1, object: 1, offset: 0, length: length, layout: layout))
    for read in reads { chunk.add(disk: 1, range: read) }
    return chunk.isAmbiguous
  }

  @Test func onePieceReadInAnyOrderIsExact() {
    #expect(!isAmbiguous(.exact, length: 7000, reads: [0x2000..<0x3000, 0x1000..<0x2000]))
  }

  /// Two clusters of a file, the second located before the first on the disk.
  @Test func neighboursInTheWrongOrderAreAmbiguous() {
    #expect(isAmbiguous(.unproven, length: 1024, reads: [0x1200..<0x1400, 0x1000..<0x1200]))
  }

  /// A program's requests may overtake one another, so their order proves nothing.
  @Test func neighboursInTheRightOrderAreAmbiguous() {
    #expect(isAmbiguous(.unproven, length: 1024, reads: [0x1000..<0x1200, 0x1200..<0x1400]))
  }

  /// A program that reads one page after the other.
  @Test func whatIsReadInOrderIsExact() {
    #expect(!isAmbiguous(.ordered, length: 8192, reads: [0x1000..<0x2000, 0x2000..<0x3000]))
    #expect(isAmbiguous(.ordered, length: 8192, reads: [0x2000..<0x3000, 0x1000..<0x2000]))
    #expect(isAmbiguous(.ordered, length: 12288, reads: [0x1000..<0x2000, 0x2000..<0x3000]))
  }

  @Test func oneReadIsExact() {
    #expect(!isAmbiguous(.unproven, length: 1000, reads: [0x1000..<0x1400]))
  }

  @Test func oneReadThatIsTooShortIsAmbiguous() {
    #expect(isAmbiguous(.unproven, length: 1025, reads: [0x1000..<0x1400]))
  }

  @Test func noReadIsNotAmbiguous() {
    #expect(!isAmbiguous(.unproven, length: 1000, reads: []))
  }

  @Test(arguments: [Chunk.Layout.exact, .encoded, .stream, .unproven, .ordered])
  func layoutsTravel(layout: Chunk.Layout) throws {
    let chunk = Chunk(number: 7, replaces: 3, object: 9, offset: 1 << 40, length: 512, layout: layout)
    var buffer = RecordBuffer()
    try buffer.append(.chunk(chunk))
    var found: [Record] = []
    try buffer.padded().withUnsafeBytes { bytes in try forEachRecord(in: bytes) { found.append($0) } }
    #expect(found == [.chunk(chunk)])
  }
}
