import SystemPackage
import Testing

/// Space that a filesystem says is in use but that no file, directory or metadata has; and with `bigalloc`, the rest of
/// clusters.
@Suite struct LostSpaceTests {
  @Test func allOfItHasAName() async throws {
    let mapper = try MapperRun()
    let disk = try await LostSpaceDisk(mapper.scratch)
    let outcome = try await mapper(["-o", "map", disk.disk])
    #expect(outcome.end == .exited(0), "\(outcome.errors.text)")
    let summary = try await mapper(["summary", "map"], launchesAppliance: false).output.text
    #expect(summary.contains("summary: 100.00 % of"), "\(summary)")
    let map = try MapText(contentsOf: mapper.scratch("map"))
    try await expectBlocksOfExt4(map, disk)
    try await expectClustersOfFAT(map, disk)
    let first = try disk.exFATHeap / 4096
    #expect(ranges(map, "m", 4, "lost clusters", disk, unit: 4096) == [first + 96..<first + 106])
    #expect(ranges(map, "m", 5, "lost clusters", disk, unit: 4096) == [3600..<3609])
    let extents = try await tool("xfs_db", ["-r", "-c", "path /x", "-c", "p u3.bmx", disk.images[5]]).output.text
    let block = try #require(extents.firstMatch(of: /\[0,([0-9]+),10,0\]/).flatMap { UInt64($0.1) })
    #expect(ranges(map, "m", 6, "lost blocks", disk, unit: 4096) == [block + 10..<block + 18])
    try await expectRestsOfClusters(map, disk)
    let verified = try await mapper(["verify", disk.disk, "map"])
    #expect(verified.end == .exited(0), "\(verified.output.text) \(verified.errors.text)")
  }

  /// The ranges of an object, in units of its partition.
  private func ranges(
    _ map: MapText, _ kind: Character, _ partition: Int, _ path: String, _ disk: LostSpaceDisk, unit: UInt64
  ) -> [Range<UInt64>] {
    let start = disk.starts[partition - 1]
    return map.lines(kind, "/dev/sda\(partition)", Array(path.utf8)).map {
      ($0.range.lowerBound - start) / unit..<($0.range.upperBound - start) / unit
    }
  }

  private func expectBlocksOfExt4(_ map: MapText, _ disk: LostSpaceDisk) async throws {
    let image = disk.images[1]
    let report = try await run("e2fsck", ["-fn", image]).output.text
    #expect(report.contains("-(6000--6019)"), "\(report)")
    let inode = try #require(report.firstMatch(of: /Unattached inode ([0-9]+)/)).1
    let list = try await tool("debugfs", ["-R", "stat <\(inode)>", image]).output.text
    let first = try #require(list.firstMatch(of: /\(0-17\):([0-9]+)-/).flatMap { UInt64($0.1) })
    #expect(ranges(map, "m", 2, "lost blocks", disk, unit: 4096) == [first..<first + 18, 6000..<6020])
  }

  private func expectClustersOfFAT(_ map: MapText, _ disk: LostSpaceDisk) async throws {
    let report = try await run("fsck.fat", ["-n", disk.images[2]]).output.text
    #expect(report.contains("Reclaimed 3 unused clusters (6144 bytes)"), "\(report)")
    #expect(report.contains("File size is 70000 bytes, cluster chain length is > 71680 bytes."), "\(report)")
    // The first cluster, which has the number 2, begins at 51200.
    func clusters(_ range: Range<UInt64>) -> Range<UInt64> { range.lowerBound + 23..<range.upperBound + 23 }
    #expect(ranges(map, "m", 3, "lost clusters", disk, unit: 2048) == [clusters(1000..<1003)])
    let behind = map.lines("a", "/dev/sda3", Array("/x".utf8))
    let offsets: [UInt64] = [70_144, 71_680, 71_680 + 2 * 2048]
    #expect(behind.map(\.offset) == offsets)
    #expect(
      ranges(map, "a", 3, "/x", disk, unit: 2048).dropFirst() == [clusters(2000..<2002), clusters(2005..<2006)])
  }

  /// debugfs finds the inode of each block. The blocks of a cluster without one belong to the inode of the others.
  private func expectRestsOfClusters(_ map: MapText, _ disk: LostSpaceDisk) async throws {
    let (image, block, cluster) = (disk.images[0], 4096 as UInt64, 65536 as UInt64)
    var inodes: [UInt64: UInt64] = [:]
    for start in stride(from: 0, to: (64 << 20) / block, by: 512) {
      let blocks = (start..<start + 512).map(String.init).joined(separator: " ")
      for line in try await tool("debugfs", ["-R", "icheck \(blocks)", image]).outputLines {
        let fields = line.split(separator: "\t").map { UInt64($0) }
        if fields.count == 2, let block = fields[0], let inode = fields[1] { inodes[block] = inode }
      }
    }
    let list = Set(inodes.values).map(String.init).joined(separator: " ")
    var names: [UInt64: String] = [:]
    for line in try await tool("debugfs", ["-R", "ncheck \(list)", image]).outputLines {
      let fields = line.split(separator: "\t", maxSplits: 1)
      guard fields.count == 2, let inode = UInt64(fields[0]) else { continue }
      names[inode] = String(fields[1]).replacing("//", with: "/")
    }
    var found: Set<UInt64> = []
    for line in map.lines where line.kind == "a" && line.device.text == "/dev/sda1" {
      let (start, end) = (line.range.lowerBound - disk.starts[0], line.range.upperBound - disk.starts[0])
      let first = start / cluster * (cluster / block)
      let owners = Set((first..<first + cluster / block).compactMap { inodes[$0] })
      #expect(owners.count == 1 && owners.first.flatMap { names[$0] } == line.path.text, "\(line)")
      #expect(line.offset % cluster == start % cluster && end <= (first * block) + cluster, "\(line)")
      found.formUnion(start / block..<end / block)
    }
    #expect(found.isDisjoint(with: inodes.keys))
    // All blocks without an inode in clusters of files, none of which fills its last cluster.
    let files = Set(inodes.filter { names[$0.value].map { !["/lost+found", "/dir"].contains($0) } ?? false }.keys)
    let clusters = Set(files.map { $0 / (cluster / block) })
    let rest = Set(clusters.flatMap { $0 * (cluster / block)..<($0 + 1) * (cluster / block) }).subtracting(files)
    #expect(found == rest && clusters.count > 60, "\(found.symmetricDifference(rest).sorted().prefix(9))")
    #expect(map.lines("m", "/dev/sda1", Array("lost blocks".utf8)).isEmpty)
  }

  /// Blocks of a file that the filesystem says are free, too: the map has both, and `verify` names the file.
  @Test func spaceThatIsAlsoFree() async throws {
    let mapper = try MapperRun()
    let disks = try await FreedFiles(mapper.scratch).disks
    let outcome = try await mapper(["-q", "-o", "map"] + disks)
    #expect(outcome.end == .exited(0), "\(outcome.errors.text)")
    let map = try MapText(contentsOf: mapper.scratch("map"))
    for (disk, device) in zip(disks, ["/dev/sda", "/dev/sdb", "/dev/sdc"]) {
      let lines = map.lines("f", device, Array("/big".utf8))
      let isSame = try Rebuild(disk: disk).bytes(size: FreedFiles.size, of: lines) == FreedFiles.content
      #expect(isSame, "\(device)")
      let free = map.lines("u", device).filter { free in lines.contains { $0.range.overlaps(free.range) } }
      #expect(free.count == 1, "\(device): \(free)")
    }
    let summary = try await mapper(["summary", "map"], launchesAppliance: false)
    #expect(summary.end == .exited(0) && summary.output.text.contains("summary: 100.00 % of"), "\(summary.output.text)")
    let verified = try await mapper(["verify", "-q"] + disks + ["map"])
    #expect(verified.end == .exited(1))
    let wrong = verified.outputLines.map { $0.replacing(#/at [0-9a-f]+ /#, with: "at * ") }
    // On FAT, the rest of the last cluster is an object of its own.
    #expect(
      wrong == [
        "wrong /dev/sda /big: disk 1 at * is also unallocated", "wrong /dev/sdb /big: disk 2 at * is also unallocated",
        "wrong /dev/sdb /big: disk 2 at * is also unallocated", "wrong /dev/sdc /big: disk 3 at * is also unallocated",
      ], "\(verified.errors.text)")
  }
}
