import BlockStack
import Bytes
import Testing

@testable import Filesystems

/// What filesystem types find by reading images that the filesystems' own tools made.
@Suite struct SpaceOnDeviceTests {
  private func areas(_ name: String, _ image: ImageBytes) throws -> [DeviceArea] {
    try filesystemType(named: name).areas(on: image, known: [])
  }

  @Test(arguments: ["-1", "-2", "-3"])
  func minix(version: String) async throws {
    let directory = try ImageDirectory()
    try directory.make("image", bytes: 16 << 20)
    try await directory.run("mkfs.minix", [version, "image"])
    // "   348 zones used (2%)": the tables and the root directory.
    let report = try await directory.run("fsck.minix", ["-f", "-v", "image"])
    let used = try #require(report.firstMatch(of: /([0-9]+) zones used/).flatMap { UInt64($0.1) })
    let found = try areas("minix", try ImageBytes(contentsOf: directory("image")))
    #expect(found.freeBytes() == 16 << 20 - used * 1024)
    #expect(found.range("boot block") == 0..<1024 && found.range("superblock") == 1024..<2048)
    #expect(found.range("inode bitmap")?.lowerBound == 2048)
    #expect(found.range("zone bitmap")?.upperBound == found.range("inode table")?.lowerBound)
    // The only zone in use behind the inode table is the root directory.
    let tables = try #require(found.range("inode table")?.upperBound)
    #expect(found.freeBytes() + tables + 1024 == 16 << 20)
  }

  @Test func udf() async throws {
    let directory = try ImageDirectory()
    try directory.make("image", bytes: 64 << 20)
    let layout = try await directory.run("mkudffs", ["-b", "2048", "--media-type=hd", "image"])
    let information = try await directory.run("udfinfo", ["image"])
    let free = try #require(information.firstMatch(of: /freeblocks=([0-9]+)/).flatMap { UInt64($0.1) })
    let image = try ImageBytes(contentsOf: directory("image"))
    let found = try areas("udf", image)
    var outside: UInt64 = 0
    var names: [String: UInt64] = [:]
    for match in layout.matches(of: /start=([0-9]+), blocks=([0-9]+), type=([A-Z]+)/) {
      let (start, blocks) = (try #require(UInt64(match.1)), try #require(UInt64(match.2)))
      if names[String(match.3)] == nil { names[String(match.3)] = start * 2048 }
      if match.3 == "ERASE" { outside += blocks * 2048 }
    }
    // The system area counts as boot code. A descriptor may be shorter than the space for it.
    let boot = try #require(found.range("system area"))
    let reserved = found.filter { $0.kind == .unallocated && $0.range.upperBound <= names["PSPACE"] ?? 0 }
    #expect(!reserved.isEmpty)
    #expect(found.freeBytes() >= free * 2048 + outside - (boot.upperBound - boot.lowerBound))
    #expect(found.range("anchor")?.lowerBound == names["ANCHOR"])
    #expect(found.range("volume descriptors")?.lowerBound == names["MVDS"])
    #expect(found.range("reserve volume descriptors")?.lowerBound == names["RVDS"])
    #expect(found.range("logical volume integrity")?.lowerBound == names["LVID"])
    #expect(found.filter { $0.name == "backup anchor" }.count == 2)
    let partition = try #require(names["PSPACE"])
    let inPartition = found.filter { $0.kind == .unallocated && $0.range.lowerBound >= partition }
    let end = try #require(layout.firstMatch(of: /start=([0-9]+), blocks=([0-9]+), type=PSPACE/))
    let partitionEnd = partition + (try #require(UInt64(end.2))) * 2048
    #expect(
      inPartition.filter { $0.range.upperBound <= partitionEnd }.map(\.range).reduce(0) { $0 + UInt64($1.count) }
        == free * 2048)
  }

  @Test func squashfs() async throws {
    let directory = try ImageDirectory()
    try await directory.run("mksquashfs", ["tree", "image", "-quiet", "-no-progress"])
    let report = try await directory.run("unsquashfs", ["-s", "image"])
    let size = try #require(report.firstMatch(of: /Filesystem size ([0-9]+) bytes/).flatMap { UInt64($0.1) })
    var image = try ImageBytes(contentsOf: directory("image"))
    let padded = image.size
    image.data += [UInt8](repeating: 0, count: 10_000)
    let found = try areas("squashfs", image)
    #expect(found.range("superblock") == 0..<96)
    #expect(found.range("inode table")?.upperBound == found.range("directory and other tables")?.lowerBound)
    #expect(found.range("directory and other tables")?.upperBound == size)
    #expect(found.range("padding") == size..<padded)
    #expect(found.freeBytes() == 10_000)
  }

  @Test func erofs() async throws {
    let directory = try ImageDirectory()
    try await directory.run("mkfs.erofs", ["image", "tree"])
    let report = try await directory.run("dump.erofs", ["-s", "image"])
    let blocks = try #require(report.firstMatch(of: /Filesystem blocks: +([0-9]+)/).flatMap { UInt64($0.1) })
    var image = try ImageBytes(contentsOf: directory("image"))
    image.data += [UInt8](repeating: 0, count: 10_000)
    let found = try areas("erofs", image)
    #expect(found.range("boot block") == 0..<1024 && found.range("superblock") == 1024..<1152)
    #expect(found.freeBytes() == image.size - blocks * 4096)
  }

  @Test func f2fs() async throws {
    let directory = try ImageDirectory()
    try directory.make("image", bytes: 128 << 20)
    try await directory.run("mkfs.f2fs", ["-q", "image"])
    let report = try await directory.run("dump.f2fs", ["-d", "1", "image"])
    func block(_ name: String) throws -> UInt64 {
      let line = try #require(report.split(separator: "\n").first { $0.hasPrefix("\(name) ") })
      return try #require(line.firstMatch(of: /: ([0-9]+)\]/).flatMap { UInt64($0.1) }) * 4096
    }
    let found = try areas("f2fs", try ImageBytes(contentsOf: directory("image")))
    #expect(found.range("superblock") == 1024..<4096 && found.range("backup superblock") == 5120..<8192)
    for (name, start, end) in [
      ("checkpoint", "cp_blkaddr", "sit_blkaddr"), ("segment information table", "sit_blkaddr", "nat_blkaddr"),
      ("node address table", "nat_blkaddr", "ssa_blkaddr"), ("segment summary area", "ssa_blkaddr", "main_blkaddr"),
    ] {
      #expect(found.range(name) == (try block(start))..<(try block(end)))
    }
    try await expectFreeBlocks(found, in: directory, "image", from: try block("main_blkaddr"))
    #expect(found.freeBytes() == (56 * 512 - 2) * 4096)
    // With files, in segments that are full, partly used and free.
    try await directory.run("sload.f2fs", ["-f", "tree", "image"])
    let image = try ImageBytes(contentsOf: directory("image"))
    let filled = try areas("f2fs", image)
    #expect(filled.freeBytes() < found.freeBytes() - 100 * 4096)
    try await expectFreeBlocks(filled, in: directory, "image", from: try block("main_blkaddr"))
    try expectDamage(image, checkpoint: Int(try block("cp_blkaddr")), table: Int(try block("sit_blkaddr")))
  }

  /// dump.f2fs prints the bitmap of each segment that has valid blocks.
  private func expectFreeBlocks(
    _ areas: [DeviceArea], in directory: borrowing ImageDirectory, _ image: String, from start: UInt64
  ) async throws {
    try await directory.run("dump.f2fs", ["-s", "0~-1", image])
    let text = try String(contentsOfFile: directory("dump_sit").string, encoding: .utf8)
    var used: Set<UInt64> = []
    var (segment, valid): (UInt64, UInt64) = (0, 0)
    var block: UInt64 = 0
    for line in text.split(separator: "\n") {
      if let match = line.firstMatch(of: /segno: *([0-9]+)\tvblocks: *([0-9]+)/) {
        segment = try #require(UInt64(match.1))
        valid += try #require(UInt64(match.2))
        block = segment * 512
      } else if line.hasPrefix("  ") {
        for byte in line.split(separator: " ").compactMap({ UInt8($0, radix: 16) }) {
          for bit in 0..<8 where byte << UInt8(bit) & 0x80 != 0 { used.insert(block + UInt64(bit)) }
          block += 8
        }
      }
    }
    #expect(segment == 55 && UInt64(used.count) == valid && valid > 1)
    let free = areas.filter { $0.kind == .unallocated }.flatMap { area in
      (area.range.lowerBound - start) / 4096..<(area.range.upperBound - start) / 4096
    }
    #expect(Set(free) == Set(0..<56 * 512).subtracting(used))
  }

  /// A checkpoint or a table that cannot be right is no free space.
  private func expectDamage(_ image: ImageBytes, checkpoint: Int, table: Int) throws {
    var other = image
    // The number of valid blocks differs from the bitmap, in both copies and for each entry.
    for copy in [0, 2 << 20] {
      for entry in 0..<55 { other.data[table + copy + entry * 74] ^= 1 }
    }
    #expect(throws: SpaceError.self) { try areas("f2fs", other) }
    // Neither checkpoint ends as it begins.
    other = image
    for pack in [0, 2 << 20] { other.data[checkpoint + pack] ^= 1 }
    #expect(throws: SpaceError.self) { try areas("f2fs", other) }
    // The size of the checkpoint, and that of the bitmap.
    for offset in [136, 156] {
      other = image
      for pack in [0, 2 << 20] {
        for byte in 0..<4 { other.data[checkpoint + pack + offset + byte] = 0xff }
      }
      #expect(throws: (any Error).self, "\(offset)") { try areas("f2fs", other) }
    }
  }

  /// xorriso makes images that are ISO 9660 and HFS+ at once.
  @Test func iso9660AndHFSPlus() async throws {
    let directory = try ImageDirectory()
    try await directory.run(
      "xorriso", ["-as", "mkisofs", "-quiet", "-R", "-J", "-hfsplus", "-o", "image", "tree"])
    var image = try ImageBytes(contentsOf: directory("image"))
    let isoFound = try areas("iso9660", image)
    #expect(isoFound.range("system area") == 0..<32768)
    // The primary and the Joliet descriptor, and the one that ends the list.
    #expect(isoFound.filter { $0.name == "volume descriptors" }.count == 3)
    let tables = isoFound.filter { $0.name == "path table" }
    #expect(tables.count == 4)
    #expect(Set(tables.map(\.offset)).count == 4)
    // The first record of a path table is the root directory: a name of one byte, in no other directory.
    for table in tables { #expect(image.data[Int(table.range.lowerBound)] == 1) }

    // The Apple partition map says where the HFS+ volume is.
    let entry = try #require(
      (1..<8).map { $0 * 512 }.first { image.data.has(Array("Apple_HFS".utf8), at: $0 + 48) })
    let (start, count) = (image.data.big(at: entry + 8, width: 4) * 512, image.data.big(at: entry + 12, width: 4) * 512)
    image.data = Array(image.data[Int(start)..<Int(start + count)])
    let found = try areas("hfsplus", image)
    #expect(found.range("volume header") == 1024..<1536)
    for name in ["allocation file", "catalog file", "extents overflow file"] { #expect(found.range(name) != nil) }
    // The volume header counts the free blocks.
    let block = image.data.big(at: 1024 + 40, width: 4)
    let free = image.data.big(at: 1024 + 48, width: 4) * block
    let end = image.data.big(at: 1024 + 44, width: 4) * block
    #expect(found.filter { $0.kind == .unallocated && $0.range.upperBound <= end }.freeBytes() == free)
    let backup = try #require(found.range("alternate volume header"))
    #expect(image.data.has(Array("H+".utf8), at: Int(backup.lowerBound)))
  }

  /// Whatever a header says, nothing traps, and nothing outside the device is claimed to be free.
  @Test func hostileHeaders() async throws {
    let directory = try ImageDirectory()
    for (name, tool) in [("minix", "mkfs.minix"), ("udf", "mkudffs"), ("f2fs", "mkfs.f2fs")] {
      try directory.make(name, bytes: 64 << 20)
      try await directory.run(tool, [name])
    }
    try await directory.run("mksquashfs", ["tree", "squashfs", "-quiet", "-no-progress"])
    try await directory.run("mkfs.erofs", ["erofs", "tree"])
    try await directory.run("xorriso", ["-as", "mkisofs", "-quiet", "-J", "-o", "iso9660", "tree"])
    var random = SystemRandomNumberGenerator()
    for name in ["minix", "udf", "f2fs", "squashfs", "erofs", "iso9660", "hfsplus"] {
      var original = name == "hfsplus" ? ImageBytes(Self.hfsPlus) : try ImageBytes(contentsOf: directory(name))
      original.data = Array(original.data.prefix(8 << 20))
      for round in 0..<300 {
        var image = original
        if round.isMultiple(of: 3) { image.data = Array(image.data.prefix(Int.random(in: 0..<40_000, using: &random))) }
        for _ in 0..<Int.random(in: 1...30, using: &random) where !image.data.isEmpty {
          let offset = Int.random(in: 0..<min(image.data.count, 600_000), using: &random)
          let start =
            [offset, offset % 2048 + 1024, offset % 200].filter { $0 < image.data.count }.randomElement() ?? 0
          image.data[start] = [0, 1, 0x7f, 0xff].randomElement(using: &random) ?? 0
        }
        let found = (try? areas(name, image)) ?? []
        for area in found where area.kind == .unallocated { #expect(!area.range.isEmpty) }
        guard let type = filesystemType(named: name) as? any RestNaming else { continue }
        var space = UnnamedSpace([0..<image.size])
        try? type.nameRest(of: &space, on: image)
        let rest = (space.areas.map(\.range) + space.ranges).sorted { $0.lowerBound < $1.lowerBound }
        #expect(zip(rest, rest.dropFirst()).allSatisfy { $0.upperBound == $1.lowerBound })
        #expect(rest.first?.lowerBound ?? 0 == 0 && rest.last?.upperBound ?? 0 == image.size)
      }
    }
  }

  /// A small volume header.
  private static var hfsPlus: [UInt8] {
    var bytes = [UInt8](repeating: 0, count: 1 << 20)
    bytes.replaceSubrange(1024..<1026, with: Array("H+".utf8))
    bytes[1024 + 42] = 0x10
    bytes[1024 + 46] = 1
    bytes[1024 + 112 + 19] = 1
    bytes[1024 + 112 + 23] = 1
    return bytes
  }
}
