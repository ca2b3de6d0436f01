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

/// debugfs as an oracle.
private struct ExtTool {
  let image: FilePath

  /// What the map calls the blocks of inodes without names.
  let special: [UInt64: Set<String>] = [
    1: ["bad blocks", "bad blocks map"], 3: ["user quota"], 4: ["group quota"],
    7: ["resize inode", "reserved group descriptors"], 8: ["journal", "journal map"],
    12: ["project quota", "orphan file"],
  ]

  private func lines(_ command: String, _ blocks: [UInt64]) async throws -> [String] {
    try await tool(
      "debugfs", ["-f", "/dev/stdin", image],
      input: stride(from: 0, to: blocks.count, by: 500).map { start in
        "\(command) \(blocks[start..<min(start + 500, blocks.count)].map(String.init).joined(separator: " "))\n"
      }.joined(), limit: .seconds(600)
    ).outputLines
  }

  func owners(of blocks: [UInt64]) async throws -> [UInt64: UInt64] {
    try await lines("icheck", blocks).reduce(into: [:]) { owners, line in
      let fields = line.split(separator: "\t").map { UInt64($0) }
      if fields.count == 2, let block = fields[0], let inode = fields[1] { owners[block] = inode }
    }
  }

  func names(of inodes: Set<UInt64>) async throws -> [UInt64: Set<String>] {
    // ncheck does not name the root directory.
    try await lines("ncheck", inodes.sorted()).reduce(into: [2: ["/"]]) { names, line in
      let fields = line.split(separator: "\t", maxSplits: 1)
      guard fields.count == 2, let inode = UInt64(fields[0]) else { return }
      names[inode, default: []].insert(String(fields[1]).replacing("//", with: "/"))
    }
  }

  /// Those of the blocks that the bitmaps say are free.
  func free(_ blocks: [UInt64]) async throws -> Set<UInt64> {
    let said = try await tool(
      "debugfs", ["-f", "/dev/stdin", image], input: blocks.map { "testb \($0)\n" }.joined())
    return said.outputLines.reduce(into: []) { free, line in
      if line.hasSuffix(" not in use"), let block = line.split(separator: " ").dropFirst().first.flatMap({ UInt64($0) })
      {
        free.insert(block)
      }
    }
  }
}

/// xfs_db as an oracle.
private struct XFSTool {
  let image: FilePath
  let groupBlocks: UInt64
  private let shift: UInt64

  init(_ image: FilePath) async throws {
    self.image = image
    let said = try await tool("xfs_db", ["-r", "-c", "sb 0", "-c", "p agblocks agblklog", image])
    let numbers = said.outputLines.compactMap { $0.split(separator: " ").last.flatMap { UInt64($0) } }
    guard numbers.count == 2 else { throw TestFailure("xfs_db: \(said.output.text)") }
    groupBlocks = numbers[0]
    shift = numbers[1]
  }

  struct Use {
    var type: String
    /// One name of the file, if the block belongs to one.
    var name: String?

    func isNamed(_ lines: [MapText.Line]) -> Bool {
      guard let name else { return true }
      return lines.contains { $0.path.text == "/\(name)" }
    }

    func isRight(_ line: MapText.Line) -> Bool {
      let path = line.path.text
      let names: [String: [String]] = [
        "sb": ["superblock", "backup superblock", "AGF ", "AGI ", "AGFL ", "AG header padding"], "btbno": ["bnobt "],
        "btcnt": ["cntbt "], "btino": ["inobt "], "btfino": ["finobt "], "btrmap": ["rmapbt "],
        "btrefcnt": ["refcountbt "], "freelist": ["AGFL blocks "], "inode": ["inodes"], "log": ["log"],
        "rtbitmap": ["real-time bitmap"], "rtsum": ["real-time summary"],
      ]
      if type == "free1" || type == "free2" { return line.kind == "u" }
      if let names = names[type] { return line.kind == "m" && names.contains { path.hasPrefix($0) } }
      guard path.hasPrefix("/") else { return false }
      return switch type {
      // xfs_db does not tell the blocks of the extent tree from the data. rldata is shared.
      case "data", "rldata": "fam".contains(line.kind)
      case "dir": "dm".contains(line.kind)
      default: line.kind == "m"
      }
    }
  }

  /// Parses lines such as `block 20 (0/20) type data inode 150 usr/file`.
  func uses(of blocks: [UInt64]) async throws -> [UInt64: Use] {
    let said = try await tool(
      "xfs_db", ["-r", image],
      input: "blockget -n\n"
        + blocks.map { "fsblock \(($0 / groupBlocks) << shift | ($0 % groupBlocks))\nblockuse -n\n" }.joined(),
      limit: .seconds(600))
    return said.outputLines.reduce(into: [:]) { uses, line in
      guard
        let match = line.firstMatch(
          of: /block [0-9]+ \(([0-9]+)\/([0-9]+)\) type ([a-z0-9]+)(?: inode [0-9]+(?: (.*))?)?$/),
        let group = UInt64(match.1), let block = UInt64(match.2)
      else { return }
      uses[group * groupBlocks + block] = Use(type: String(match.3), name: match.4.map(String.init))
    }
  }
}
