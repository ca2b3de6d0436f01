import BlockMap
import SystemPackage
import TestSupport
import Testing
import WalkRecord

@testable import BlockStack
@testable import WalkAssembly

@Suite struct WalkAssemblerTests {
  private func bytes(_ text: String) -> [UInt8] { Array(text.utf8) }

  /// The lines of the map that a walk produces, without the header.
  private func map(_ walk: WalkAssembler) throws -> [String] {
    var builder = BlockMapBuilder()
    builder.addDisk(DiskDescription(size: 1 << 30, format: Array("raw".utf8), file: Array("disk".utf8)))
    #expect(walk.add(to: &builder, device: bytes("/dev/sda1")) == 0)
    return try written(&builder)
  }

  private func written(_ builder: inout BlockMapBuilder) throws -> [String] {
    let (reading, writing) = try FileDescriptor.pipe()
    defer { try? reading.close() }
    try builder.write(to: FilePath("/dev/fd/\(writing.rawValue)"))
    try writing.close()
    var result: [UInt8] = []
    var buffer = [UInt8](repeating: 0, count: 1 << 16)
    while case let count = try buffer.withUnsafeMutableBytes({ try reading.read(into: $0) }), count > 0 {
      result += buffer[..<count]
    }
    return result.split(separator: 0x0a).map { String(decoding: $0, as: UTF8.self) }.filter { !$0.hasPrefix("#") }
  }

  /// Starts a walk with the root directory, which has the number 1.
  private func walk(_ records: [Record]) throws -> WalkAssembler {
    var walk = WalkAssembler()
    try walk.take(.begin(inodes: 10, bytes: 1 << 20))
    try walk.take(.object(id: 1, parent: 0, kind: .directory, name: []))
    for record in records { try walk.take(record) }
    return walk
  }

  private func chunk(
    _ number: UInt32, of object: UInt64, at offset: UInt64 = 0, length: UInt64, _ layout: Chunk.Layout = .exact,
    replaces: UInt32 = 0
  ) -> Record {
    .chunk(
      Chunk(number: number, replaces: replaces, object: object, offset: offset, length: length, layout: layout))
  }

  @Test func aFileInADirectory() throws {
    var walk = try walk([
      .object(id: 2, parent: 1, kind: .directory, name: bytes("dir")),
      .object(id: 3, parent: 2, kind: .file, name: bytes("a file")), chunk(1, of: 3, length: 5000),
    ])
    walk.read(disk: 1, offset: 0x1000, length: 4096)
    walk.read(disk: 1, offset: 0x2000, length: 4096)
    try walk.take(chunk(2, of: 3, at: 8192, length: 4096))
    walk.read(disk: 1, offset: 0x9000, length: 4096)
    try walk.take(.idle)
    walk.read(disk: 1, offset: 0x20000, length: 4096)
    #expect(!walk.isComplete)
    try walk.take(.end)
    #expect(walk.isComplete)
    #expect(walk.tree.directories == 2 && walk.tree.files == 1)
    #expect(try map(walk) == ["1 1000 3000 f /dev/sda1 /dir/a file", "1 9000 a000 f@2000 /dev/sda1 /dir/a file"])
  }

  @Test func everyNameOfAHardLink() throws {
    var walk = try walk([
      .object(id: 2, parent: 1, kind: .directory, name: bytes("d")),
      .object(id: 3, parent: 1, kind: .file, name: bytes("one")), .link(id: 3, parent: 2, name: bytes("two")),
      chunk(1, of: 3, length: 512),
    ])
    walk.read(disk: 1, offset: 512, length: 512)
    try walk.take(.link(id: 3, parent: 2, name: bytes("three")))
    try walk.take(.end)
    #expect(
      try map(walk).sorted() == [
        "1 200 400 f /dev/sda1 /d/three", "1 200 400 f /dev/sda1 /d/two", "1 200 400 f /dev/sda1 /one",
      ])
  }

  @Test func anAmbiguousChunkIsReplacedByItsHalves() throws {
    var walk = try walk([.object(id: 2, parent: 1, kind: .file, name: bytes("f")), chunk(1, of: 2, length: 8192)])
    walk.read(disk: 1, offset: 0x8000, length: 4096)
    walk.read(disk: 1, offset: 0x1000, length: 4096)
    try walk.take(.idle)
    try walk.take(chunk(2, of: 2, length: 4096, replaces: 1))
    walk.read(disk: 1, offset: 0x8000, length: 4096)
    try walk.take(chunk(3, of: 2, at: 4096, length: 4096, replaces: 1))
    walk.read(disk: 1, offset: 0x1000, length: 4096)
    try walk.take(.settled)
    try walk.take(.end)
    #expect(try map(walk) == ["1 1000 2000 f@1000 /dev/sda1 /f", "1 8000 9000 f /dev/sda1 /f"])
  }

  @Test func whatStaysAmbiguousBelongsToTheChunk() throws {
    var walk = try walk([
      .object(id: 2, parent: 1, kind: .file, name: bytes("f")), chunk(1, of: 2, at: 4096, length: 4096),
    ])
    walk.read(disk: 1, offset: 0x8000, length: 512)
    walk.read(disk: 1, offset: 0x1000, length: 512)
    try walk.take(.settled)
    #expect(try map(walk) == ["1 1000 1200 f@1000 /dev/sda1 /f", "1 8000 8200 f@1000 /dev/sda1 /f"])
  }

  @Test func streamsAreInTheOrderOfTheirReads() throws {
    var walk = try walk([
      .object(id: 2, parent: 1, kind: .file, name: bytes("f")), chunk(1, of: 2, length: 12288, .stream),
    ])
    for offset in [0x9000, 0x2000, 0x1000] as [UInt64] { walk.read(disk: 1, offset: offset, length: 4096) }
    // Neighbouring blocks of a directory are requested at the same time and arrive in any order, so they are merged.
    try walk.take(chunk(2, of: 1, length: 0, .stream))
    for offset in [0x30000, 0x20800, 0x20000] as [UInt64] { walk.read(disk: 1, offset: offset, length: 2048) }
    try walk.take(.end)
    #expect(
      try map(walk) == [
        "1 1000 2000 f@2000 /dev/sda1 /f", "1 2000 3000 f@1000 /dev/sda1 /f", "1 9000 a000 f /dev/sda1 /f",
        "1 20000 21000 d@800 /dev/sda1 /", "1 30000 30800 d /dev/sda1 /",
      ])
  }

  @Test func encodedChunksAndStreamsLongerThanTheFile() throws {
    var walk = try walk([
      .object(id: 2, parent: 1, kind: .file, name: bytes("f")), chunk(1, of: 2, at: 512, length: 4096, .encoded),
    ])
    walk.read(disk: 1, offset: 0x5000, length: 512)
    walk.read(disk: 1, offset: 0x1000, length: 512)
    try walk.take(.object(id: 3, parent: 1, kind: .file, name: bytes("g")))
    try walk.take(chunk(2, of: 3, length: 4096, .stream))
    walk.read(disk: 1, offset: 0x8000, length: 4096)
    walk.read(disk: 1, offset: 0x7000, length: 4096)
    try walk.take(.end)
    #expect(
      try map(walk) == [
        "1 1000 1200 f@200 /dev/sda1 /f", "1 5000 5200 f@200 /dev/sda1 /f", "1 7000 9000 f /dev/sda1 /g",
      ])
  }

  @Test func failuresAreNamed() throws {
    var walk = try walk([
      .object(id: 2, parent: 1, kind: .directory, name: bytes("d")),
      .failure(parent: 2, errno: 5, name: bytes("bad\n")), .failure(parent: 1, errno: 13, name: bytes("x")),
      .failure(parent: 99, errno: 2, name: bytes("y")),
    ])
    #expect(walk.failures.map(\.path) == [bytes("/d/bad\n"), bytes("/x"), bytes("/")])
    #expect(walk.failures.map(\.errno) == [5, 13, 2])
    for _ in 0..<20_000 { try walk.take(.failure(parent: 1, errno: 5, name: bytes("z"))) }
    #expect(walk.failureCount == 20_003)
    #expect(walk.failures.count == 10_000)
  }

  /// Extents past the end of the filesystem's device are rejected: those bytes belong to something else.
  @Test func extentsOutsideTheDevice() throws {
    let disks = "device 8:0 - - 204800\ndevice 8:1 8:0 2048 20480\ndevice 8:2 8:0 22528 182272\ndisk 8:0 1\n"
    for (device, line) in [("8:1", "1 afe000 b00000 f /dev/sda1 /a"), ("8:0", "")] {
      let end: UInt64 = device == "8:1" ? 10 << 20 : 100 << 20
      var walk = try walk([.object(id: 2, parent: 1, kind: .file, name: bytes("a"))])
      try walk.take(
        .extent(
          ReportedExtent(
            object: 2, offset: 0, length: 8192, physical: end - (line.isEmpty ? 0 : 8192), content: .data)))
      try walk.take(
        .extent(ReportedExtent(object: 2, offset: 8192, length: 1 << 20, physical: end, content: .data)))
      try walk.take(.end)
      #expect(walk.resolve(DeviceTable(parsing: disks), device: device[...]) == nil)
      #expect(walk.failureCount == 1)
      #expect(walk.failures.map(\.path) == [bytes("/a")])
      #expect(try map(walk).filter { $0.contains(" f") } == (line.isEmpty ? [] : [line]))
    }
  }

  /// Only so many ranges of a chunk are stored. What has more is not complete.
  @Test(arguments: [Chunk.Layout.stream, .encoded])
  func moreRangesThanAreStored(layout: Chunk.Layout) throws {
    for (ranges, failures) in [(ChunkReads.maximumRanges, 0), (ChunkReads.maximumRanges + 1, 1)] {
      var walk = try walk([
        .object(id: 2, parent: 1, kind: .file, name: bytes("a")), chunk(1, of: 2, length: 0, layout),
      ])
      for index in 0..<UInt64(ranges) { walk.read(disk: 1, offset: index * 1024, length: 512) }
      try walk.take(.end)
      #expect(walk.failureCount == failures)
      #expect(walk.failures.map(\.path) == Array(repeating: bytes("/a"), count: failures))
    }
  }

  @Test func progress() throws {
    var walk = try walk([chunk(1, of: 1, length: 0, .stream)])
    #expect(walk.progress == 0.1)
    walk.read(disk: 1, offset: 0, length: 1 << 19)
    #expect(walk.progress == 0.5)
    for _ in 0..<5 { walk.read(disk: 1, offset: 0, length: .max) }
    #expect(walk.progress == 1)
    #expect(WalkAssembler().progress == 0)
  }

  @Test(
    arguments: [
      .object(id: 1, parent: 0, kind: .file, name: [0x61]), .object(id: 3, parent: 3, kind: .file, name: [0x61]),
      .object(id: .max, parent: 1, kind: .file, name: [0x61]), .object(id: 0, parent: 0, kind: .file, name: []),
      .object(id: 2, parent: 7, kind: .file, name: []), .link(id: 2, parent: 1, name: [0x61]),
      .link(id: 1, parent: .max, name: [0x61]), .inode(id: 0, number: 1), .inode(id: .max, number: 1),
      .chunk(Chunk(number: 1, object: 2, offset: 0, length: 1, layout: .exact)),
      .chunk(Chunk(number: 1, object: 0, offset: 0, length: 1, layout: .exact)),
      .extent(ReportedExtent(object: 2, offset: 0, length: 1, physical: 0, content: .data)),
      .extent(ReportedExtent(object: 0, offset: 0, length: 1, physical: 0, content: .metadata)),
    ] as [Record])
  func whatWasNotDeclaredIsAnError(record: Record) throws {
    var walk = try walk([])
    #expect(throws: AssemblyError.self) { try walk.take(record) }
  }

  /// The metadata of links and files is added under each of their names; a file's data is not metadata.
  @Test func whatIsKeptBesideTheBytes() throws {
    var walk = try walk([
      .object(id: 2, parent: 1, kind: .other, name: bytes("link")), .inode(id: 2, number: 20),
      .link(id: 2, parent: 1, name: bytes("other link")),
      .object(id: 3, parent: 1, kind: .file, name: bytes("file")),
      .link(id: 3, parent: 1, name: bytes("hard link")), chunk(1, of: 3, length: 4096),
    ])
    walk.read(disk: 1, offset: 0x1000, length: 4096)
    try walk.take(
      .extent(ReportedExtent(object: 3, offset: 0, length: 1024, physical: 0x8000, content: .metadata)))
    // Reads after an extent record belong to no object.
    walk.read(disk: 1, offset: 0xa000, length: 4096)
    walk.addMetadata(2, 0x3000..<0x3400, offset: 0)
    walk.addInlineData(of: 20, 0x5000..<0x5010, offset: 0, isEncoded: false)
    // Ranges past the end of the device are dropped.
    walk.addMetadata(2, UInt64.max - 2048..<UInt64.max - 1024, offset: 0)
    try walk.take(.end)
    let table = DeviceTable(parsing: "device 8:0 - - 2097152\ndisk 8:0 1\n")
    #expect(walk.resolve(table, device: "8:0") == nil)
    #expect(
      try map(walk) == [
        "1 1000 2000 f /dev/sda1 /file", "1 1000 2000 f /dev/sda1 /hard link", "1 3000 3400 m /dev/sda1 /link",
        "1 3000 3400 m /dev/sda1 /other link", "1 5000 5010 m /dev/sda1 /link", "1 5000 5010 m /dev/sda1 /other link",
        "1 8000 8400 m /dev/sda1 /file", "1 8000 8400 m /dev/sda1 /hard link",
      ])
    #expect(walk.tree.files == 1)
  }

  /// The blocks of each directory follow each other; the copies of a block have the same offset.
  @Test func blocksOfDirectories() throws {
    let mirror = DeviceTable(
      parsing: """
        device 8:0 - - 16384
        device 8:1 8:0 2048 2048
        device 8:2 8:0 6144 2048
        disk 8:0 1
        device 9:0 - - 2048
        table 9:0 0 2048 mirror core 1 1024 2 8:1 0 8:2 0
        """)
    var walk = try walk([.object(id: 2, parent: 1, kind: .directory, name: bytes("d")), .end])
    walk.setDirectories([1: [0x1000..<0x2000], 2: [0x1000..<0x2000, 0x5000..<0x6000, 0x9000..<0xa000]])
    #expect(walk.resolve(mirror, device: "9:0") == nil)
    #expect(
      try map(walk) == [
        "1 101000 102000 d /dev/sda1 /", "1 101000 102000 d /dev/sda1 /d", "1 105000 106000 d@1000 /dev/sda1 /d",
        "1 109000 10a000 d@2000 /dev/sda1 /d", "1 301000 302000 d /dev/sda1 /", "1 301000 302000 d /dev/sda1 /d",
        "1 305000 306000 d@1000 /dev/sda1 /d", "1 309000 30a000 d@2000 /dev/sda1 /d",
      ])
  }

  /// Unwritten space is listed under each name of a file, in every copy, and is not taken for the file's data.
  @Test func unwrittenSpaceIsNotData() throws {
    let mirror = DeviceTable(
      parsing: """
        device 8:0 - - 16384
        device 8:1 8:0 2048 2048
        device 8:2 8:0 6144 2048
        disk 8:0 1
        device 9:0 - - 2048
        table 9:0 0 2048 mirror core 1 1024 2 8:1 0 8:2 0
        """)
    var walk = try walk([
      .object(id: 2, parent: 1, kind: .file, name: bytes("file")), .link(id: 2, parent: 1, name: bytes("link")),
      .object(id: 3, parent: 1, kind: .file, name: bytes("empty")),
    ])
    for (object, offset, physical, content) in [
      (2, 0, 0x1000, .data), (2, 0x1000, 0x2000, .unwritten), (3, 0x5000, 0x8000, .unwritten),
    ] as [(UInt64, UInt64, UInt64, ReportedExtent.Content)] {
      try walk.take(
        .extent(ReportedExtent(object: object, offset: offset, length: 4096, physical: physical, content: content)))
    }
    try walk.take(.end)
    #expect(walk.resolve(mirror, device: "9:0") == nil)
    #expect(
      try map(walk) == [
        "1 101000 102000 f /dev/sda1 /file", "1 101000 102000 f /dev/sda1 /link",
        "1 102000 103000 a@1000 /dev/sda1 /file", "1 102000 103000 a@1000 /dev/sda1 /link",
        "1 108000 109000 a@5000 /dev/sda1 /empty", "1 301000 302000 f /dev/sda1 /file",
        "1 301000 302000 f /dev/sda1 /link", "1 302000 303000 a@1000 /dev/sda1 /file",
        "1 302000 303000 a@1000 /dev/sda1 /link", "1 308000 309000 a@5000 /dev/sda1 /empty",
      ])
    let ranges = walk.ranges(of: [2, 3])
    #expect(ranges[2]?.ranges.map(\.range) == [0x101000..<0x102000, 0x301000..<0x302000])
    #expect(ranges[3]?.ranges.isEmpty == true)
    #expect(walk.unlocatedUnwritten == 0 && walk.failureCount == 0 && walk.claims.isEmpty)
    walk.forget([2])
    #expect(try map(walk).allSatisfy { $0.contains("/empty") })
  }

  /// Unwritten space without a location is counted. It does not make the file a failure, or a reason to read all files.
  @Test func unwrittenSpaceThatCannotBeLocated() throws {
    let table = DeviceTable(parsing: "device 8:0 - - 2048\ndisk 8:0 1\n")
    for (physical, device, line) in [
      (UInt64.max - 8, "8:0", ""), (1 << 40, "8:0", ""), (1 << 20, "8:0", ""), (0, "253:0", ""),
      (0xff000, "8:0", "1 ff000 100000 a /dev/sda1 /a"),
    ] as [(UInt64, Substring, String)] {
      for isAllRead in [false, true] {
        var walk = try walk([.object(id: 2, parent: 1, kind: .file, name: bytes("a"))])
        try walk.take(
          .extent(ReportedExtent(object: 2, offset: 0, length: 8192, physical: physical, content: .unwritten)))
        try walk.take(.end)
        #expect(walk.resolve(table, device: device, isAllRead: isAllRead) == nil)
        #expect(walk.unlocatedUnwritten == 1 && walk.failureCount == 0, "\(physical)")
        #expect(try map(walk) == (line.isEmpty ? [] : [line]))
      }
    }
    // An offset that no file can have is a lie.
    var lie = try walk([])
    #expect(throws: AssemblyError.self) {
      try lie.take(.extent(ReportedExtent(object: 1, offset: .max, length: 1, physical: 0, content: .unwritten)))
    }
  }

  @Test func hostileRecordsNeverTrap() throws {
    var random = Seeded(5)
    func number() -> UInt64 {
      switch random.next() % 4 {
      case 0: random.next() % 8
      case 1: .max - random.next() % 8192
      case 2: 1 << (random.next() % 64)
      default: random.next()
      }
    }
    for _ in 0..<300 {
      var walk = try walk([])
      for id in 2...6 as ClosedRange<UInt64> {
        let parent = id == 6 ? 2 : id / 2
        try walk.take(
          .object(id: id, parent: parent, kind: id % 2 == 0 ? .directory : .file, name: bytes("n\(id)")))
      }
      for _ in 0..<60 {
        let layout = [Chunk.Layout.exact, .encoded, .stream, .proof][Int(random.next() % 4)]
        let record: Record? =
          switch random.next() % 10 {
          case 0: .link(id: number(), parent: number(), name: random.bytes(3))
          case 1: .settled
          case 2: .idle
          case 3: .failure(parent: number(), errno: Int32(truncatingIfNeeded: number()), name: random.bytes(3))
          case 4, 5:
            .chunk(
              Chunk(
                number: UInt32(truncatingIfNeeded: number()), replaces: UInt32(truncatingIfNeeded: number()),
                object: 1 + random.next() % 6, offset: number(), length: number(), layout: layout))
          case 6: .object(id: number(), parent: number(), kind: .file, name: random.bytes(2))
          case 7:
            .extent(
              ReportedExtent(
                object: 1 + random.next() % 6, offset: number(), length: number(), physical: number(),
                content: ReportedExtent.Content(rawValue: UInt8(random.next() % 5)) ?? .data))
          default: nil
          }
        if let record {
          try? walk.take(record)
        } else {
          walk.read(disk: 1, offset: number(), length: UInt32(truncatingIfNeeded: number()))
        }
      }
      try walk.take(.end)
      var builder = BlockMapBuilder()
      builder.addDisk(DiskDescription(size: 1 << 30, format: Array("raw".utf8), file: Array("disk".utf8)))
      _ = walk.add(to: &builder, device: bytes("/dev/sda1"))
      _ = try? builder.write(to: "/dev/null")
    }
  }
}
