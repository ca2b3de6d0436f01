import Testing

@testable import WalkRecord

@Suite struct ChunkReadsTests {
  private func reads(
    _ ranges: [Range<UInt64>], length: UInt64 = 8192, layout: Chunk.Layout = .exact, disk: UInt8 = 1
  ) -> ChunkReads {
    var reads = ChunkReads(Chunk(number: 1, object: 1, offset: 0, length: length, layout: layout))
    for range in ranges { reads.add(disk: disk, range: range) }
    return reads
  }

  @Test func oneRangeOfTheRightLengthIsNotAmbiguous() {
    #expect(!reads([0..<8192]).isAmbiguous)
    #expect(!reads([4096..<8192, 0..<4096]).isAmbiguous)
    // The range extends to the end of a block.
    #expect(!reads([0..<8192], length: 5000).isAmbiguous)
    #expect(!reads([0..<4096, 4096..<8192], length: 4097).isAmbiguous)
    // The range is read twice.
    #expect(!reads([0..<8192, 0..<8192]).isAmbiguous)
    // The chunk is a hole.
    #expect(!reads([]).isAmbiguous)
  }

  @Test func whatCannotBeSaidIsAmbiguous() {
    #expect(reads([0..<4096, 8192..<12288]).isAmbiguous, "two ranges")
    #expect(reads([0..<4096]).isAmbiguous, "too little")
    #expect(reads([0..<16384]).isAmbiguous, "a block too many")
    var two = reads([0..<4096])
    two.add(disk: 2, range: 4096..<8192)
    #expect(two.isAmbiguous, "two disks")
  }

  @Test func onlyExactChunksAreAmbiguous() {
    for layout in [Chunk.Layout.encoded, .stream] {
      #expect(!reads([0..<512, 9000..<9001], layout: layout).isAmbiguous)
    }
  }

  @Test func lengthsAtTheTopDoNotTrap() {
    let top = UInt64.max
    #expect(reads([top - 100..<top], length: .max).isAmbiguous)
    #expect(!reads([0..<top], length: .max).isAmbiguous)
    #expect(reads([0..<top], length: 0).isAmbiguous)
    #expect(reads([0..<top, 0..<top, top - 1..<top], length: 1).merged.count == 1)
  }

  @Test func rangesAreMerged() {
    let merged = reads([10..<20, 0..<5, 30..<40, 15..<30, 5..<6, 50..<60]).merged.map(\.range)
    #expect(merged == [0..<6, 10..<40, 50..<60])
  }

  @Test func mergedRangesKeepTheOrderOfTheirFirstReads() {
    // The four sectors of one cluster, read out of order, between two other clusters.
    let order = reads([9000..<9512, 512..<1024, 1536..<2048, 1024..<1536, 0..<512, 4096..<4608]).mergedInOrder
    #expect(order.map(\.range) == [9000..<9512, 0..<2048, 4096..<4608])
    #expect(reads([]).mergedInOrder.isEmpty)
  }

  @Test func memoryIsBounded() {
    var reads = reads([])
    for index in 0..<UInt64(ChunkReads.maximumRanges + 10) { reads.add(disk: 1, range: index * 2..<index * 2 + 1) }
    #expect(reads.ranges.count == ChunkReads.maximumRanges)
    #expect(reads.dropped == 10)
    #expect(reads.isAmbiguous)
  }

  /// The ranges that are stored may look like the whole chunk.
  @Test func aChunkWithDroppedReadsIsAmbiguous() {
    let count = UInt64(ChunkReads.maximumRanges)
    var reads = reads([], length: count)
    for index in (0..<count).reversed() { reads.add(disk: 1, range: index..<index + 1) }
    #expect(!reads.isAmbiguous && reads.merged.map(\.range) == [0..<count])
    reads.add(disk: 1, range: 10 * count..<10 * count + 1)
    #expect(reads.isAmbiguous)
  }
}
