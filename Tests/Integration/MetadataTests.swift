import SystemPackage
import Testing

/// The metadata of filesystems, volumes and partition tables: the magic numbers are at the offsets in the map, and
/// the filesystems' own tools agree.
@Suite struct MetadataTests {
  /// The ranges of one metadata object (or of another kind), in the order of the object.
  private func ranges(_ map: MapText, _ device: String, _ name: String, _ kind: Character = "m") -> [Range<UInt64>] {
    map.lines(kind, device, Array(name.utf8)).map(\.range)
  }

  /// Checks that an object has `count` ranges, each with these bytes at `offset`.
  private func expect(
    _ guest: MappedGuest, _ device: String, _ name: String, kind: Character = "m", count: Int = 1,
    at offset: UInt64 = 0,
    _ bytes: [UInt8], sourceLocation: SourceLocation = #_sourceLocation
  ) throws {
    let found = ranges(guest.map, device, name, kind)
    #expect(found.count == count, "\(device) \(name): \(found)", sourceLocation: sourceLocation)
    let disk = try FileDescriptor.open(guest.disk, .readOnly)
    defer { try? disk.close() }
    for range in found {
      let there = try disk.bytes(at: range.lowerBound + offset, count: bytes.count)
      #expect(there == bytes, "\(device) \(name) at \(range)", sourceLocation: sourceLocation)
    }
  }

  private func bytes(_ guest: MappedGuest, _ range: Range<UInt64>) throws -> [UInt8] {
    let disk = try FileDescriptor.open(guest.disk, .readOnly)
    defer { try? disk.close() }
    return try disk.bytes(at: range.lowerBound, count: range.count)
  }

  @Test func guidPartitionTable() async throws {
    let guest = try await Maps.layers.value
    let size = try fileSize(guest.disk)
    try expect(guest, "/dev/sda", "MBR", kind: "b", at: 510, [0x55, 0xaa])
    try expect(guest, "/dev/sda", "GPT header", kind: "b", Array("EFI PART".utf8))
    try expect(guest, "/dev/sda", "backup GPT header", kind: "b", Array("EFI PART".utf8))
    #expect(ranges(guest.map, "/dev/sda", "backup GPT header", "b") == [size - 512..<size])
    // An entry starts with the partition type: here Linux.
    let table = try #require(ranges(guest.map, "/dev/sda", "GPT table", "b").first)
    let backup = try #require(ranges(guest.map, "/dev/sda", "backup GPT table", "b").first)
    #expect(try bytes(guest, table) == bytes(guest, backup))
    #expect(try bytes(guest, table).prefix(4) == [0xaf, 0x3d, 0xc6, 0x0f] && table.count == 128 * 128)
    let first = try await partitions(of: guest.disk)[0].lowerBound
    #expect(ranges(guest.map, "/dev/sda", "boot gap", "b") == [table.upperBound..<first])
  }

  /// dumpe2fs reports which blocks are free, and debugfs which inode a block belongs to.
  @Test func ext4HasNoBlockInUseThatIsNotInTheMap() async throws {
    let guest = try await Maps.layers.value
    let device = "/dev/sda1"
    let partition = try await partitions(of: guest.disk)[0]
    let image = "\(guest.disk)?offset=\(partition.lowerBound)"
    let block: UInt64 = 1024
    try expect(guest, device, "superblock", at: 56, [0x53, 0xef])
    try expect(guest, device, "backup superblock", count: 5, at: 56, [0x53, 0xef])

    var names: [UInt64: String] = [:]
    for line in guest.map.lines
    where line.device.text == device && ["m", "f", "d"].contains(line.kind) {
      let start = line.range.lowerBound - partition.lowerBound
      // Metadata of a file has the file's name and belongs to the file's inode.
      let isNamed = line.kind == "m" && line.path.first != 0x2f
      for number in start / block..<(start + UInt64(line.range.count) + block - 1) / block {
        names[number] = isNamed ? line.path.text : ""
      }
    }
    let free = try await freeBlocks(image)
    #expect(free.count > 10_000)
    #expect(names.keys.filter { free.contains($0) }.sorted().prefix(3) == [])
    let unnamed = (1..<UInt64(partition.count) / block).filter { names[$0] == nil && !free.contains($0) }
    let metadata = names.filter { !$0.value.isEmpty }.keys.sorted()
    #expect(metadata.count > 10_000)
    let owners = try await owners(of: metadata + unnamed, image)
    for number in metadata {
      let expected: UInt64? =
        switch names[number] {
        case "journal": 8
        case "resize inode", "reserved group descriptors": 7
        default: nil
        }
      #expect(owners[number] == expected, "block \(number), \(names[number] ?? "")")
    }
    #expect(unnamed == [])
  }

  /// Link targets, extended attributes and block lists have the names of the objects that they belong to.
  @Test func whatIsKeptBesideFiles() async throws {
    let guest = try await Maps.layers.value
    let target = Array(String(repeating: "target", count: 150).utf8)
    for device in ["/dev/sda1", "/dev/vg/root"] { try expect(guest, device, "/links/long", target) }
    for device in ["/dev/sda3", "btrfsvol:/dev/sda3/sub"] {
      // Once per copy of the filesystem's tree.
      try expect(guest, device, "/links/long", count: 2, target)
    }
    // XFS has a header of 56 bytes before the target.
    try expect(guest, "/dev/vg/xfs", "/links/long", Array("XSLM".utf8))
    try expect(guest, "/dev/vg/xfs", "/links/long", at: 56, target)
    // For each name of a file.
    for name in ["/links/one", "/links/two", "/nested/b/three", "/nested", "/links/symbolic"] {
      try expect(guest, "/dev/vg/root", name, [0, 0, 2, 0xea])
      // With ea_inode, the value itself.
      try expect(guest, "/dev/sda1", name, Array("valuevalue".utf8))
      // xfs_da3_blkinfo: two addresses before the magic number of an attribute leaf.
      try expect(guest, "/dev/vg/xfs", name, at: 8, [0x3b, 0xee])
    }
    // ext4_extent_header.
    let lists = ranges(guest.map, "/dev/sda1", "/many-pieces")
    for range in lists { #expect(try bytes(guest, range).starts(with: [0x0a, 0xf3]), "\(range)") }
    // A block has room for 84 extents, and the file has 300.
    #expect(lists.reduce(0) { $0 + $1.count } >= 4096)
    // A short link needs no metadata, and few other objects have the name of a file.
    let named = Set(guest.map.lines.filter { $0.kind == "m" && $0.path.first == 0x2f }.map(\.name))
    #expect(
      named.count < 60 && !named.contains { $0.path == Array("/links/to-a-directory".utf8) && $0.device == "/dev/sda1" }
    )
  }

  /// The free blocks according to the bitmaps. Parses lines such as `  Free blocks: 6481-8192, 8200`.
  private func freeBlocks(_ image: String) async throws -> Set<UInt64> {
    var result: Set<UInt64> = []
    for line in try await tool("dumpe2fs", [image]).outputLines where line.hasPrefix("  Free blocks: ") {
      for part in line.dropFirst(15).split(separator: ",") {
        let ends = part.split { !$0.isNumber }.compactMap { UInt64($0) }
        guard let first = ends.first, let last = ends.last else { throw TestFailure(line) }
        result.formUnion(first...last)
      }
    }
    return result
  }

  /// The inodes that blocks belong to. Parses lines such as `8193\t<block not found>` or `8194\t7`.
  private func owners(of blocks: [UInt64], _ image: String) async throws -> [UInt64: UInt64] {
    let said = try await tool(
      "debugfs", ["-f", "/dev/stdin", image],
      input: stride(from: 0, to: blocks.count, by: 200).map { start in
        "icheck \(blocks[start..<min(start + 200, blocks.count)].map(String.init).joined(separator: " "))\n"
      }.joined())
    var result: [UInt64: UInt64] = [:]
    for line in said.outputLines {
      let fields = line.split(separator: "\t")
      guard fields.count == 2, let block = UInt64(fields[0]), let inode = UInt64(fields[1]) else { continue }
      result[block] = inode
    }
    return result
  }

  /// An inode's number determines its offset in the inode table: the inode there must have the file's size.
  @Test func theInodeTableIsInTheOrderOfTheInodes() async throws {
    let guest = try await Maps.layers.value
    let oracle = try await LayersOracle.shared.value
    let disk = try FileDescriptor.open(guest.disk, .readOnly)
    defer { try? disk.close() }
    for device in ["/dev/sda1", "/dev/vg/root"] {
      let table = guest.map.lines("m", device, Array("inode table".utf8))
      var compared = 0
      for (name, file) in oracle.files where name.device == device {
        let offset = (file.inode - 1) * 256
        let line = try #require(
          table.first { $0.offset <= offset && offset < $0.offset + UInt64($0.range.count) }, "\(name)")
        // i_size_lo.
        let there = try disk.bytes(at: line.range.lowerBound + offset - line.offset + 4, count: 4)
        #expect(there.reversed().reduce(0) { $0 << 8 | UInt64($1) } == file.size, "\(name)")
        compared += 1
      }
      #expect(compared > 200)
    }
  }

  @Test func xfs() async throws {
    let guest = try await Maps.layers.value
    let device = "/dev/vg/xfs"
    try expect(guest, device, "superblock", Array("XFSB".utf8))
    try expect(guest, device, "backup superblock", count: 3, Array("XFSB".utf8))
    for group in 0..<4 {
      try expect(guest, device, "AGF \(group)", Array("XAGF".utf8))
      try expect(guest, device, "AGI \(group)", Array("XAGI".utf8))
      try expect(guest, device, "AGFL \(group)", Array("XAFL".utf8))
      // Each header contains the number of its group.
      try expect(guest, device, "AGF \(group)", at: 8, [0, 0, 0, UInt8(group)])
    }
    try expect(guest, device, "log", [0xfe, 0xed, 0xba, 0xbe])
  }

  @Test func fat() async throws {
    let guest = try await Maps.layers.value
    let device = "/dev/sda2"
    try expect(guest, device, "boot sector", at: 510, [0x55, 0xaa])
    try expect(guest, device, "FAT 1", [0xf8, 0xff, 0xff, 0xff])
    let first = try #require(ranges(guest.map, device, "FAT 1").first)
    let second = try #require(ranges(guest.map, device, "FAT 2").first)
    #expect(try bytes(guest, first) == bytes(guest, second))
    // After the tables comes the root directory, with 512 entries of 32 bytes.
    #expect(first.upperBound == second.lowerBound)
    #expect(guest.map.lines("d", device, [0x2f]).map(\.range) == [second.upperBound..<second.upperBound + 16384])
  }

  @Test func ntfs() async throws {
    let guest = try await Maps.layers.value
    let device = "/dev/sda4"
    try expect(guest, device, "$Boot", at: 3, Array("NTFS    ".utf8))
    try expect(guest, device, "backup boot sector", at: 3, Array("NTFS    ".utf8))
    // ntfs-3g leaves the log empty, which means that all its bits are ones.
    let log = try #require(ranges(guest.map, device, "$LogFile").first)
    #expect(try bytes(guest, log).allSatisfy { $0 == 0xff } && log.count == 2 << 20)
    try expect(guest, device, "$UpCase", [0, 0, 1, 0, 2, 0])
    try expect(guest, device, "$AttrDef", Array("$STAND".utf8).flatMap { [$0, 0] })
    // An entry of $SDS: the hash and the ID of a security descriptor, then 8 bytes for the entry's offset, whose high
    // half is zero here, and at 16 the size.
    try expect(guest, device, "$Secure:$SDS", at: 12, [0, 0, 0, 0])
    let table = try #require(ranges(guest.map, device, "$MFT").first)
    let mirror = try #require(ranges(guest.map, device, "$MFTMirr").first)
    let records = try bytes(guest, table)
    #expect(try bytes(guest, mirror) == Array(records.prefix(mirror.count)))
    for number in 0..<12 {
      let record = records[number * 1024..<(number + 1) * 1024]
      // Each record contains its own number.
      #expect(record.starts(with: Array("FILE".utf8)) && record[number * 1024 + 44] == UInt8(number))
    }
    // The bitmap has a bit for each cluster; those of system files are in use.
    let bitmap = try bytes(guest, try #require(ranges(guest.map, device, "$Bitmap").first))
    let start = try await partitions(of: guest.disk)[3].lowerBound
    for line in guest.map.lines where line.kind == "m" && line.device.text == device && line.path.first == 0x24 {
      for cluster in (line.range.lowerBound - start) / 4096..<(line.range.upperBound - start) / 4096 {
        #expect(bitmap[Int(cluster / 8)] & 1 << (cluster % 8) != 0, "\(line.name) \(cluster)")
      }
    }
  }

  /// Each block of a Btrfs tree contains its own address.
  @Test(arguments: [("layers", "/dev/sda3", 2), ("raid", "", 2)])
  func btrfs(guest: String, device: String, copies: Int) async throws {
    let guest = guest == "layers" ? try await Maps.layers.value : try await Maps.raid.value
    let mark = guest.map.lines.first { $0.path == Array("/is-btrfs".utf8) }
    let device = device.isEmpty ? try #require(mark).device.text : device
    let isPair = mark != nil
    try expect(guest, device, "superblock", count: isPair ? 2 : 1, at: 64, Array("_BHRfS_M".utf8))
    try expect(guest, device, "backup superblock", count: isPair ? 2 : 1, at: 64, Array("_BHRfS_M".utf8))
    let disk = try FileDescriptor.open(guest.disk, .readOnly)
    defer { try? disk.close() }
    let superblock = try bytes(guest, try #require(ranges(guest.map, device, "superblock").first))
    for (field, name) in [(80, "root tree"), (88, "chunk tree")] {
      let address = superblock[field..<field + 8]
      let root = address.reversed().reduce(0) { $0 << 8 | UInt64($1) }
      let lines = guest.map.lines("m", device, Array(name.utf8)).filter {
        $0.offset <= root && root < $0.offset + UInt64($0.range.count)
      }
      #expect(lines.count == copies, "\(name) \(root)")
      for line in lines {
        #expect(try disk.bytes(at: line.range.lowerBound + root - line.offset + 48, count: 8) == Array(address))
      }
    }
  }

  @Test func volumeManagers() async throws {
    let layers = try await Maps.layers.value
    try expect(layers, "/dev/sda5", "LVM label", Array("LABELONE".utf8))
    let metadata = try bytes(layers, try #require(ranges(layers.map, "/dev/sda5", "LVM metadata").first))
    #expect(metadata.text.contains("id = "))
    let volume = try #require(layers.map.lines("l", "/dev/vg/root").first)
    #expect(ranges(layers.map, "/dev/sda5", "LVM metadata")[0].upperBound <= volume.range.lowerBound)
    let raid = try await Maps.raid.value
    for partition in Array(1...11) + Array(16...22) {
      try expect(raid, "/dev/sda\(partition)", "md superblock", [0xfc, 0x4e, 0x2b, 0xa9])
    }
    #expect(raid.map.lines.filter { $0.path == Array("md superblock".utf8) }.count == 18)
  }

  /// Metadata on a mirror is on both legs.
  @Test func mirroredMetadataIsInTheMapTwice() async throws {
    let guest = try await Maps.raid.value
    for (mark, name, magic) in [
      ("is-mirror", "superblock", 56), ("is-ten", "superblock", 56), ("is-far", "superblock", 56),
    ] {
      let device = try #require(guest.map.lines.first { $0.path == Array("/\(mark)".utf8) }).device.text
      try expect(guest, device, name, count: 2, at: UInt64(magic), [0x53, 0xef])
    }
    try expect(guest, "/dev/vg/raid1", "AGF 1", count: 2, Array("XAGF".utf8))
  }

  /// Swap space, logical partitions, encrypted volumes, and filesystem layouts that the guests do not have.
  @Test func oddDisk() async throws {
    let run = try MapperRun()
    let disk = try await SmallDisks(scratch: run.scratch).odd()
    let outcome = try await run(["-q", "-o", "map", disk])
    #expect(outcome.end == .exited(3), "\(outcome.errors.text)")
    let closed = "(crypto_LUKS): it is encrypted, and its contents are not mapped; give its key (--key)"
    #expect(outcome.errorLines == [4, 5].map { "virt-bmap: warning: /dev/sda\($0) \(closed)" })
    let guest = MappedGuest(
      disk: disk, file: run.scratch("map"), map: try MapText(contentsOf: run.scratch("map")), outcome: outcome)
    let parts = try await partitions(of: disk)
    try expect(guest, "/dev/sda", "MBR", kind: "b", at: 510, [0x55, 0xaa])
    #expect(ranges(guest.map, "/dev/sda", "boot gap", "b") == [512..<parts[0].lowerBound])
    for number in 5...7 { try expect(guest, "/dev/sda", "EBR \(number)", kind: "b", at: 510, [0x55, 0xaa]) }
    // The record of the first logical partition is at the start of the extended partition.
    #expect(ranges(guest.map, "/dev/sda", "EBR 5", "b").map(\.lowerBound) == [parts[1].lowerBound])

    #expect(guest.map.lines.filter { $0.kind == "s" }.map(\.range) == [parts[0]])
    try expect(guest, "/dev/sda1", "", kind: "s", at: 4086, Array("SWAPSPACE2".utf8))
    try expect(guest, "/dev/sda3", "FSInfo", Array("RRaA".utf8))
    try expect(guest, "/dev/sda3", "backup FSInfo", Array("RRaA".utf8))
    try expect(guest, "/dev/sda3", "backup boot sector", at: 510, [0x55, 0xaa])
    try expect(guest, "/dev/sda3", "FAT 2", [0xf8, 0xff, 0xff, 0x0f])
    let header = try bytes(guest, try #require(ranges(guest.map, "/dev/sda5", "LUKS header").first))
    #expect(header.prefix(6) == Array("LUKS".utf8) + [0xba, 0xbe] && header.count == 2 << 20)
    let header2 = try #require(ranges(guest.map, "/dev/sda4", "LUKS header").first)
    #expect(header2 == parts[3].lowerBound..<parts[3].lowerBound + 16 << 20)

    // The data of a small file is in its inode.
    let small = try #require(guest.map.lines("f", "/dev/sda6", Array("/small".utf8)).first)
    #expect(try bytes(guest, small.range).text == "in the inode\n")
    #expect(ranges(guest.map, "/dev/sda6", "inode table").contains { $0.contains(small.range.lowerBound) })
    // Data that does not fit in place of the block list is in an attribute.
    let larger = guest.map.lines("f", "/dev/sda6", Array("/larger".utf8))
    #expect(larger.map(\.offset) == [0, 60] && larger.map(\.range.count) == [60, 50])
    #expect(try Rebuild(disk: disk).bytes(size: 110, of: larger) == (0..<110).map { UInt8(0x20 + $0 % 90) })
    // A group's descriptors are in the group itself.
    try expect(guest, "/dev/sda7", "multiple mount protection", Array("PMM\0".utf8))
    #expect(ranges(guest.map, "/dev/sda7", "group descriptors").count == 2)
    try expect(guest, "/dev/sda7", "backup superblock", count: 19, at: 56, [0x53, 0xef])
    try await run.expectNothingLeft()
  }
}
