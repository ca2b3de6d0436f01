@testable import BlockStack

/// The metadata of thin pools and snapshots. Each block of a pool gets the right checksum and number, because no fuzzer
/// finds those.
extension ParserFuzzer {
  static let thinMetadata = ParserFuzzer("thin-metadata") { bytes in
    let all = Array(bytes)
    guard
      let metadata = try? ThinMetadata(read: { number in
        let size = ThinMetadata.blockBytes
        guard number < UInt64(all.count / size + 1), number < 64 else { throw ThinMetadata.Failure.tooLarge }
        let block = Array(all.dropFirst(Int(number) * size).prefix(size))
        return sealed(block + [UInt8](repeating: 0, count: size - block.count), number)
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

  private static func sealed(_ block: [UInt8], _ number: UInt64) -> [UInt8] {
    var block = block
    func put(_ value: UInt64, at offset: Int, width: Int) {
      for index in 0..<width { block[offset + index] = UInt8(truncatingIfNeeded: value >> (8 * UInt64(index))) }
    }
    put(number, at: 8, width: 8)
    let seed: UInt32 = number == 0 ? 160_774 : 121_107
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
