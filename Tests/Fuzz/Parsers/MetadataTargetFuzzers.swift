import Bytes

@testable import BlockStack

/// The metadata of thin pools, caches and snapshots. Each block of a pool or cache gets the right checksum and number, because no fuzzer
/// finds those.
extension ParserFuzzer {
  static let thinMetadata = ParserFuzzer("thin-metadata") { bytes in
    let all = Array(bytes)
    guard
      let metadata = try? ThinMetadata(read: { number in
        try sealedBlock(number, of: all, number == 0 ? 160_774 : 121_107)
      })
    else { return }
    for (volume, runs) in metadata.volumes {
      try check(zip(runs, runs.dropFirst()).allSatisfy { $0.start < $1.start }, "\(runs)")
      for segment in metadata.segments(of: volume, data: "253:1", size: 1 << 40) ?? [] {
        try check(!segment.range.isEmpty && segment.range.upperBound <= 1 << 40, "\(segment)")
      }
    }
    try check(metadata.used.allSatisfy { !$0.isEmpty }, "an empty range")
  }

  /// Blocks with flags 1 and 2 are nodes of trees, others are those of arrays.
  static let cacheMetadata = ParserFuzzer("cache-metadata") { bytes in
    let all = Array(bytes)
    guard
      let metadata = try? CacheMetadata(read: { number in
        let isNode = [1, 2].contains(all.little(at: Int(min(number, 64)) * 4096 + 4, width: 4))
        return try sealedBlock(number, of: all, number == 0 ? 9_031_977 : isNode ? 121_107 : 595_846_735)
      })
    else { return }
    try check(zip(metadata.runs, metadata.runs.dropFirst()).allSatisfy { $0.start < $1.start }, "\(metadata.runs)")
    var end: UInt64 = 0
    for segment in metadata.segments(origin: "253:1", cache: "253:2", size: 1 << 40) ?? [] {
      try check(segment.range.lowerBound == end && !segment.range.isEmpty, "\(segment)")
      end = segment.range.upperBound
    }
    try check(end == 1 << 40 || end == 0, "a volume of \(end) bytes")
    try check(metadata.stale(size: 1 << 40).allSatisfy { $0.upperBound <= 1 << 40 }, "a range behind the end")
  }

  private static func sealedBlock(_ number: UInt64, of all: [UInt8], _ seed: UInt32) throws -> [UInt8] {
    let size = ThinMetadata.blockBytes
    guard number < UInt64(all.count / size + 1), number < 64 else { throw ThinMetadata.Failure.tooLarge }
    var block = Array(all.dropFirst(Int(number) * size).prefix(size))
    block += [UInt8](repeating: 0, count: size - block.count)
    func put(_ value: UInt64, at offset: Int, width: Int) {
      for index in 0..<width { block[offset + index] = UInt8(truncatingIfNeeded: value >> (8 * UInt64(index))) }
    }
    put(number, at: seed == 595_846_735 ? 16 : 8, width: 8)
    put(UInt64(~CRC32.castagnoli.checksum(block.dropFirst(4)) ^ seed), at: 0, width: 4)
    return block
  }

  static let snapshotStore = ParserFuzzer("snapshot-store") { bytes in
    let all = Array(bytes)
    let size = UInt64(all.count)
    guard
      let store = try? SnapshotStore(
        size: size,
        read: { offset, count in
          try check(Int(offset) + count <= all.count, "a read of \(count) bytes at \(offset)")
          return Array(all[Int(offset)..<Int(offset) + count])
        })
    else { return }
    var end: UInt64 = 0
    for segment in store.segments(origin: "253:1", store: "253:2", size: 1 << 40) {
      try check(segment.range.lowerBound == end && !segment.range.isEmpty, "\(segment)")
      end = segment.range.upperBound
    }
    try check(end == 1 << 40, "a snapshot of \(end) bytes")
    try check((store.used + store.tables).allSatisfy { $0.upperBound <= size }, "a range behind the end")
  }
}
