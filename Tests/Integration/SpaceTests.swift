import Glibc
import SystemPackage
import TestSupport
import Testing

/// Every block of ext2/3/4 and XFS has a name in the map, and the filesystems' own tools agree with it.
@Suite struct SpaceTests {
  /// One filesystem: its blocks, and the lines of the map about them.
  private struct Space {
    let device: String
    let blockSize: UInt64
    /// A copy of the partition.
    let image: FilePath
    /// The size of the device in bytes.
    let size: UInt64
    /// Holds the copy.
    private let scratch: Scratch
    /// The lines, with ranges in bytes of the device.
    var lines: [MapText.Line]

    init(_ partition: Int, blockSize: UInt64) async throws {
      scratch = try Scratch()
      let guest = try await Maps.space.value
      let range = try await partitions(of: guest.disk)[partition - 1]
      device = "/dev/sda\(partition)"
      self.blockSize = blockSize
      image = try await slice(of: guest.disk, range, in: scratch)
      size = UInt64(range.count)
      lines = guest.map.lines.filter { [device] in $0.device == Array(device.utf8) && $0.kind != "p" }
      for index in lines.indices {
        let there = lines[index].range
        lines[index].range = there.lowerBound - range.lowerBound..<there.upperBound - range.lowerBound
      }
    }

    /// The blocks that a line touches. A file may end in the middle of a block.
    func blocks(_ line: MapText.Line) -> Range<UInt64> {
      line.range.lowerBound / blockSize..<(line.range.upperBound + blockSize - 1) / blockSize
    }

    /// The lines about each of these blocks.
    func lines(about blocks: [UInt64]) -> [UInt64: [MapText.Line]] {
      let sorted = blocks.sorted()
      var result: [UInt64: [MapText.Line]] = [:]
      for line in lines {
        let range = self.blocks(line)
        var index = sorted.firstIndex { $0 >= range.lowerBound } ?? sorted.endIndex
        while index < sorted.endIndex, sorted[index] < range.upperBound {
          result[sorted[index], default: []].append(line)
          index += 1
        }
      }
      return result
    }

    /// The free blocks.
    var free: Set<UInt64> {
      lines.reduce(into: []) { free, line in
        if line.kind == "u", line.range.lowerBound % blockSize == 0, line.range.upperBound % blockSize == 0 {
          free.formUnion(blocks(line))
        }
      }
    }

    /// 1,000 blocks at random, and up to 3,000 with metadata or directories.
    var blocksToCheck: [UInt64] {
      var random = Seeded(15)
      let sample = (0..<1000).map { _ in UInt64.random(in: 0..<size / blockSize, using: &random) }
      let others = lines.filter { $0.kind == "m" || $0.kind == "d" }.prefix(3000)
      return sample + others.map { $0.range.lowerBound / blockSize }
    }
  }

  private static let filesystems: [(partition: Int, blockSize: UInt64)] = [
    (1, 4096), (2, 1024), (3, 4096), (4, 1024), (5, 4096), (6, 4096), (7, 4096),
  ]

  @Test(arguments: filesystems)
  func everyByteIsAccountedFor(partition: Int, blockSize: UInt64) async throws {
    let space = try await Space(partition, blockSize: blockSize)
    var unknown: [Range<UInt64>] = []
    var end: UInt64 = 0
    for line in space.lines {
      if line.range.lowerBound > end { unknown.append(end..<line.range.lowerBound) }
      end = max(end, line.range.upperBound)
    }
    if end < space.size { unknown.append(end..<space.size) }
    #expect(unknown == [])
    #expect(!space.lines.contains { $0.path.starts(with: Array("lost ".utf8)) })
    // Free space overlaps nothing.
    let free = space.lines.filter { $0.kind == "u" }.map(\.range)
    for line in space.lines where line.kind != "u" {
      #expect(!free.contains { $0.overlaps(line.range) }, "\(line)")
    }
  }

  @Test(arguments: filesystems.prefix(4))
  func extFreeSpace(partition: Int, blockSize: UInt64) async throws {
    let space = try await Space(partition, blockSize: blockSize)
    var expected: Set<UInt64> = []
    for line in try await tool("dumpe2fs", [space.image]).outputLines where line.hasPrefix("  Free blocks: ") {
      for part in line.dropFirst(15).split(separator: ",") {
        let ends = part.split { !$0.isNumber }.compactMap { UInt64($0) }
        expected.formUnion(try #require(ends.first)...(try #require(ends.last)))
      }
    }
    #expect(expected.count > 1000)
    #expect(space.free.symmetricDifference(expected).sorted().prefix(5) == [])
    try expectFreeEnd(space)
  }

  /// The partition is not a whole number of blocks, and the filesystem may be a few blocks smaller.
  private func expectFreeEnd(_ space: Space) throws {
    let last = try #require(space.lines.last { $0.kind == "u" }).range
    #expect(last.upperBound == space.size && last.lowerBound <= space.size / space.blockSize * space.blockSize)
  }

  @Test(arguments: filesystems.suffix(3))
  func xfsFreeSpace(partition: Int, blockSize: UInt64) async throws {
    let space = try await Space(partition, blockSize: blockSize)
    let group = try await XFSTool(space.image).groupBlocks
    // freesp also counts the blocks of the free lists.
    var expected: Set<UInt64> = []
    for line in try await tool("xfs_db", ["-r", "-c", "freesp -d", space.image]).outputLines {
      let numbers = line.split(separator: " ").map { UInt64($0) }
      guard numbers.count == 3, let group0 = numbers[0], let first = numbers[1], let count = numbers[2] else {
        continue
      }
      expected.formUnion(group0 * group + first..<group0 * group + first + count)
    }
    #expect(expected.count > 1000)
    let listed = space.lines.filter { $0.path.starts(with: Array("AGFL blocks ".utf8)) }.flatMap { space.blocks($0) }
    #expect(listed.count > 10)
    #expect(space.free.union(listed).symmetricDifference(expected).sorted().prefix(5) == [])
    try expectFreeEnd(space)
  }

  /// debugfs finds the inode of each block, and the inode's names.
  @Test(arguments: filesystems.prefix(4))
  func extOwners(partition: Int, blockSize: UInt64) async throws {
    let space = try await Space(partition, blockSize: blockSize)
    let blocks = space.blocksToCheck
    let debugfs = ExtTool(image: space.image)
    let free = try await debugfs.free(blocks)
    let owners = try await debugfs.owners(of: blocks)
    let names = try await debugfs.names(of: Set(owners.values))
    let found = space.lines(about: blocks)
    var kinds: [String: Int] = [:]
    for block in Set(blocks) {
      let lines = found[block] ?? []
      let shown = lines.map { "\($0.kind) \($0.path.text)" }
      guard let inode = owners[block] else {
        // Free space and the filesystem's own blocks have no inode. Block 0 holds several things.
        let isFree = free.contains(block)
        #expect(
          lines.allSatisfy { ($0.kind == "u") == isFree && $0.path.first != 0x2f } && !lines.isEmpty,
          "\(block) \(shown)")
        kinds[isFree ? "free" : "own", default: 0] += 1
        continue
      }
      #expect(!free.contains(block))
      if let names = names[inode] {
        // Objects with the same attributes share a block, and debugfs names one of them.
        let isShared = lines.allSatisfy { $0.kind == "m" }
        let listed = Set(lines.map(\.path.text))
        #expect(
          (isShared ? listed.isSuperset(of: names) : listed == names) && lines.allSatisfy { "fdma".contains($0.kind) },
          "\(block) \(inode) \(shown) \(names)")
        kinds["named", default: 0] += 1
      } else if let special = debugfs.special[inode] {
        #expect(lines.allSatisfy { special.contains($0.path.text) } && !lines.isEmpty, "\(block) \(inode) \(shown)")
        kinds["special", default: 0] += 1
      } else {
        // The value of an attribute in an inode of its own.
        #expect(
          partition == 2 && lines.allSatisfy { $0.kind == "m" && $0.path.first == 0x2f } && !lines.isEmpty,
          "\(block) \(inode) \(shown)")
        kinds["value", default: 0] += 1
      }
    }
    for kind in ["free", "own", "special", "named"] { #expect(kinds[kind, default: 0] > 10, "\(kind): \(kinds)") }
    #expect((kinds["value", default: 0] > 0) == (partition == 2), "\(kinds)")
  }

  /// xfs_db's own inventory of all blocks, with names.
  @Test(arguments: filesystems.suffix(3))
  func xfsOwners(partition: Int, blockSize: UInt64) async throws {
    let space = try await Space(partition, blockSize: blockSize)
    let blocks = space.blocksToCheck
    let uses = try await XFSTool(space.image).uses(of: blocks)
    let found = space.lines(about: blocks)
    var types: Set<String> = []
    for block in Set(blocks) {
      let lines = found[block] ?? []
      let use = try #require(uses[block], "\(block)")
      types.insert(use.type)
      #expect(
        !lines.isEmpty && lines.allSatisfy { use.isRight($0) } && use.isNamed(lines),
        "\(block) \(use) \(lines.map { "\($0.kind) \($0.path.text)" })")
    }
    #expect(
      types.isSuperset(of: ["btbno", "btcnt", "btino", "data", "dir", "attr", "free2", "inode", "log", "sb", "symlink"]
      ), "\(types)")
    #expect(types.contains("btrmap") == (partition == 6))
  }
}
