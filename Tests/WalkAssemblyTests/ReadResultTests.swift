import BlockMap
import Testing
import WalkRecord

@testable import BlockStack
@testable import WalkAssembly

/// Reads are compared with what the filesystem reports, and a missing proof is distinguished from a contradiction.
@Suite struct ReadResultTests {
  private static let table = DeviceTable(parsing: "device 8:0 - - 204800\ndisk 8:0 1\n")

  private func chunk(
    _ number: UInt32, of object: UInt64, at offset: UInt64 = 0, length: UInt64, _ layout: Chunk.Layout,
    physical: UInt64 = 0
  ) -> Record {
    .chunk(
      Chunk(number: number, object: object, offset: offset, length: length, layout: layout, physical: physical))
  }

  private func extent(
    of object: UInt64, length: UInt64, physical: UInt64, _ content: ReportedExtent.Content
  ) -> Record {
    .extent(ReportedExtent(object: object, offset: 0, length: length, physical: physical, content: content))
  }

  private func begun(_ names: String..., bounds: WalkBounds = .usual) throws -> WalkAssembler {
    var walk = WalkAssembler(bounds: bounds)
    try walk.take(.begin(inodes: 10, bytes: 1 << 20))
    try walk.take(.object(id: 1, parent: 0, kind: .directory, name: []))
    for (index, name) in names.enumerated() {
      try walk.take(.object(id: UInt64(index) + 2, parent: 1, kind: .file, name: Array(name.utf8)))
    }
    return walk
  }

  /// A file that is partly in the appliance's cache is not proved, but is not reported as being elsewhere either.
  @Test func whatWasNotReadIsNotElsewhere() throws {
    for (start, length, isUnseen, isElsewhere) in [
      (0x10000, 8192, false, false), (0x11000, 4096, true, false), (0x10000, 0, true, false),
      (0x20000, 8192, false, true), (0x11000, 8192, false, true),
    ] as [(UInt64, UInt32, Bool, Bool)] {
      var walk = try begun("a")
      try walk.take(extent(of: 2, length: 8192, physical: 0x10000, .data))
      try walk.take(chunk(2, of: 2, length: 8192, .proof, physical: 0x10000))
      walk.read(disk: 1, offset: start, length: length)
      try walk.take(.end)
      #expect(walk.resolve(Self.table, device: "8:0") == (isElsewhere ? 2 : nil))
      #expect(walk.unseen == (isUnseen ? [2] : []))
    }
  }

  /// Where the appliance itself has written, it may have moved a thin volume's block.
  @Test func whatTheApplianceWroteProvesNothing() throws {
    for (start, isElsewhere) in [(0x10000, false), (0x20000, false), (0x21000, true), (0x30000, true)]
      as [(UInt64, Bool)]
    {
      var walk = try begun("a")
      try walk.take(extent(of: 2, length: 8192, physical: 0x10000, .data))
      try walk.take(chunk(2, of: 2, length: 8192, .proof, physical: 0x10000))
      walk.read(disk: 1, offset: start, length: 8192)
      try walk.take(.end)
      var written = WrittenBlocks()
      written.add(disk: 1, offset: 0x20000, length: 8192)
      #expect(walk.resolve(Self.table, device: "8:0", written: written) == (isElsewhere ? 2 : nil))
      #expect(walk.unseen == (start == 0x20000 ? [2] : []))
    }
  }

  /// The kernel reads the metadata of a thin pool when it needs it.
  @Test func readsOfAPoolsMetadataAreNotOfTheFile() throws {
    var bounds = WalkBounds.usual
    bounds.metadata = [.init(disk: 1, range: 0x40000..<0x50000)]
    var walk = try begun("a", bounds: bounds)
    try walk.take(extent(of: 2, length: 8192, physical: 0x10000, .data))
    try walk.take(chunk(2, of: 2, length: 8192, .proof, physical: 0x10000))
    walk.read(disk: 1, offset: 0x4f000, length: 4096)
    walk.read(disk: 1, offset: 0x10000, length: 8192)
    try walk.take(.end)
    #expect(walk.resolve(Self.table, device: "8:0") == nil && walk.unseen == [])
  }

  @Test func filesThatAreNotWhereTheFilesystemSays() throws {
    var walk = try begun("right", "late", "elsewhere", "nowhere", "encoded")
    try walk.take(chunk(1, of: 2, length: 8192, .exact))
    walk.read(disk: 1, offset: 0x10000, length: 8192)
    // Its first block had been read ahead, so the read of the rest is taken for the start of the file.
    try walk.take(chunk(2, of: 3, length: 8192, .stream))
    walk.read(disk: 1, offset: 0x21000, length: 4096)
    try walk.take(chunk(3, of: 4, length: 4096, .exact))
    walk.read(disk: 1, offset: 0x90000, length: 4096)
    try walk.take(chunk(4, of: 6, length: 4096, .encoded))
    walk.read(disk: 1, offset: 0xa0000, length: 512)
    for (object, physical) in [(2, 0x10000), (3, 0x20000), (4, 0x30000), (5, 0x40000), (6, 0x50000)]
      as [(UInt64, UInt64)]
    {
      try walk.take(extent(of: object, length: object < 4 ? 8192 : 4096, physical: physical, .dataToCheck))
    }
    try walk.take(.end)
    #expect(walk.resolve(Self.table, device: "8:0") == nil)
    #expect(walk.contradictedFiles(Self.table, device: "8:0") == [3, 4, 5])
    #expect(walk.someFiles(count: 2).count == 2 && walk.someFiles(count: 100) == [2, 3, 4, 5, 6])
    #expect(walk.ranges(of: [2, 5, 6])[2]?.ranges.map(\.range) == [0x10000..<0x12000])
    #expect(walk.ranges(of: [5])[5]?.ranges.isEmpty == true && walk.ranges(of: [6])[6]?.hasEncoded == true)
    walk.forget([3, 4])
    #expect(walk.ranges(of: [2, 3, 4]).values.reduce(0) { $0 + $1.ranges.count } == 1)
    // Extents that are only to be checked are not added to the map.
    var builder = BlockMapBuilder()
    #expect(walk.add(to: &builder, device: Array("/dev/sda1".utf8)) == 0)
  }
}
