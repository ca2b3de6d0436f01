import SystemPackage
import Testing

/// Every byte of FAT, exFAT, NTFS and Btrfs belongs to something, and what is free equals what The Sleuth Kit and
/// Btrfs's free space tree say.
@Suite struct FreeSpaceTests {
  /// Sorted, and merged where they touch or overlap.
  private func merged(_ ranges: [Range<UInt64>]) -> [Range<UInt64>] {
    var result: [Range<UInt64>] = []
    for range in ranges.sorted(by: { $0.lowerBound < $1.lowerBound }) where !range.isEmpty {
      if let last = result.last, range.lowerBound <= last.upperBound {
        result[result.count - 1] = last.lowerBound..<max(last.upperBound, range.upperBound)
      } else {
        result.append(range)
      }
    }
    return result
  }

  /// The parts of a partition with lines of these kinds, merged, in bytes of the partition.
  private func parts(_ guest: MappedGuest, _ partition: Range<UInt64>, _ kinds: String) -> [Range<UInt64>] {
    merged(
      guest.map.lines.filter { kinds.contains($0.kind) && $0.range.overlaps(partition) }.map { line in
        let range = line.range.clamped(to: partition)
        return range.lowerBound - partition.lowerBound..<range.upperBound - partition.lowerBound
      })
  }

  /// The partitions of Btrfs with everything on two devices.
  private static let pair = [12, 13]

  @Test func nothingIsLeftOver() async throws {
    let layers = try await Maps.layers.value
    let raid = try await Maps.raid.value
    for (guest, numbers) in [(layers, [2, 3, 4, 6]), (raid, Self.pair)] {
      let all = try await partitions(of: guest.disk)
      for number in numbers {
        let partition = all[number - 1]
        let known = parts(guest, partition, "fdmsbrua")
        let fileEnds = Set(
          guest.map.lines.filter { $0.kind == "f" && $0.range.overlaps(partition) }.map {
            $0.range.upperBound - partition.lowerBound
          })
        // The rest of a file's last cluster may have no line.
        for (range, next) in zip([0..<0] + known, known + [UInt64(partition.count)..<UInt64.max])
        where range.upperBound < next.lowerBound {
          #expect(
            fileEnds.contains(range.upperBound) && next.lowerBound - range.upperBound < 4096,
            "\(guest.disk) \(number): \(range.upperBound)..<\(next.lowerBound)")
        }
        let free = parts(guest, partition, "u")
        let used = parts(guest, partition, "fdmsbra")
        #expect(merged(free + used).reduce(0) { $0 + $1.count } == (free + used).reduce(0) { $0 + $1.count })
        #expect(free.count > 1)
      }
    }
  }

  @Test(arguments: [(2, "fat", 512), (4, "ntfs", 4096), (6, "exfat", 512)] as [(Int, String, UInt64)])
  func freeClusters(partition number: Int, type: String, unit: UInt64) async throws {
    let guest = try await Maps.layers.value
    let partition = try await partitions(of: guest.disk)[number - 1]
    let scratch = try Scratch()
    defer { withExtendedLifetime(scratch) {} }
    let image = try await slice(of: guest.disk, partition: number, in: scratch)
    var free: [Range<UInt64>] = []
    var end: UInt64 = 0
    // Lines such as `16|f`.
    for line in try await tool("blkls", ["-e", "-l", "-f", type, image]).outputLines {
      let fields = line.split(separator: "|")
      guard fields.count == 2, let block = UInt64(fields[0]), fields[1] == "f" || fields[1] == "a" else { continue }
      end = max(end, (block + 1) * unit)
      if fields[1] == "f" { free.append(block * unit..<(block + 1) * unit) }
    }
    #expect(end > UInt64(partition.count) - (1 << 20))
    // The Sleuth Kit does not list what lies behind the last cluster.
    let ours = parts(guest, partition, "u").map { $0.clamped(to: 0..<end) }.filter { !$0.isEmpty }
    #expect(ours == merged(free))
    #expect(free.count > 100)
  }

  @Test func freeSpaceOfBtrfs() async throws {
    try await compareBtrfs(try await Maps.layers.value, [3])
    try await compareBtrfs(try await Maps.raid.value, Self.pair)
  }

  /// A chunk whose stripes hold the same.
  private struct Chunk {
    var range: Range<UInt64>
    /// The device IDs and the offsets.
    var stripes: [(device: Int, offset: UInt64)] = []
  }

  private func compareBtrfs(_ guest: MappedGuest, _ numbers: [Int]) async throws {
    let scratch = try Scratch()
    defer { withExtendedLifetime(scratch) {} }
    let all = try await partitions(of: guest.disk)
    var images: [FilePath] = []
    for number in numbers { images.append(try await slice(of: guest.disk, partition: number, in: scratch)) }
    func dump(_ tree: String) async throws -> [[Substring]] {
      try await tool("btrfs", ["inspect-internal", "dump-tree", "--hide-names", "-t", tree] + images).outputLines.map {
        $0.split { " ()\t".contains($0) }
      }
    }
    var chunks: [Chunk] = []
    for fields in try await dump("chunk") {
      if fields.count > 5, fields[4] == "CHUNK_ITEM", let start = UInt64(fields[5]) {
        chunks.append(Chunk(range: start..<start))
      } else if fields.first == "length", fields.count > 1, let length = UInt64(fields[1]), let last = chunks.last {
        chunks[chunks.count - 1].range = last.range.lowerBound..<last.range.lowerBound + length
      } else if fields.first == "stripe", fields.count > 5, let device = Int(fields[3]), let offset = UInt64(fields[5])
      {
        chunks[chunks.count - 1].stripes.append((device, offset))
      }
    }
    #expect(chunks.count > 2)
    // What is in the same 64 KiB as a superblock is never allocated, but is in the free space tree.
    let superblocks: [UInt64] = [64 << 10, 64 << 20]
    var reserved: [Range<UInt64>] = []
    for chunk in chunks {
      for stripe in chunk.stripes {
        for superblock in superblocks where superblock >= stripe.offset {
          let start = chunk.range.lowerBound + superblock - stripe.offset
          if chunk.range.contains(start) { reserved.append(start..<start + 65536) }
        }
      }
    }
    var free = [[Range<UInt64>]](repeating: [], count: numbers.count)
    // The free space tree has the ID 10.
    for fields in try await dump("10") where fields.count > 5 && fields[4] == "FREE_SPACE_EXTENT" {
      guard let start = UInt64(fields[3]), let length = UInt64(fields[5]),
        let chunk = chunks.first(where: { $0.range.contains(start) })
      else { continue }
      for part in without(reserved, start..<start + length) {
        for stripe in chunk.stripes {
          let offset = stripe.offset + part.lowerBound - chunk.range.lowerBound
          free[stripe.device - 1].append(offset..<offset + UInt64(part.count))
        }
      }
    }
    for (index, number) in numbers.enumerated() {
      let partition = all[number - 1]
      let inChunks = chunks.flatMap { chunk in
        chunk.stripes.filter { $0.device == index + 1 }.map { $0.offset..<$0.offset + UInt64(chunk.range.count) }
      }
      let outside = without(inChunks + superblocks.map { $0..<$0 + 4096 }, 1 << 20..<UInt64(partition.count))
      #expect(parts(guest, partition, "u") == merged(free[index] + outside), "\(guest.disk) \(number)")
      #expect(free[index].count > 5 && !outside.isEmpty)
    }
  }

  /// The parts of a range that none of the others covers.
  private func without(_ others: [Range<UInt64>], _ range: Range<UInt64>) -> [Range<UInt64>] {
    var result: [Range<UInt64>] = []
    var position = range.lowerBound
    for other in merged(others) where other.overlaps(range) {
      if other.lowerBound > position { result.append(position..<other.lowerBound) }
      position = max(position, other.upperBound)
    }
    if position < range.upperBound { result.append(position..<range.upperBound) }
    return result
  }
}
