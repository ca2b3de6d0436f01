import BlockStack
import Bytes
import Testing

@testable import Filesystems

/// What filesystem types name of the space that is left, on images that the filesystems' own tools made.
@Suite struct UnnamedSpaceTests {
  /// All of an image that is not in `areas`, named: here, the files and directories are left, too.
  private func rest(_ name: String, _ image: ImageBytes) throws -> UnnamedSpace {
    let type = filesystemType(named: name)
    let areas = try type.areas(on: image, known: [])
    var space = UnnamedSpace([0..<image.size].subtracting(areas.map(\.range).merged))
    try #require(type as? any RestNaming).nameRest(of: &space, on: image)
    return space
  }

  private func bytes(_ space: UnnamedSpace, _ name: String) -> UInt64 { space.areas.bytes(name) }

  @Test func partsOfTheSpace() {
    var space = UnnamedSpace([10..<20, 30..<40, 50..<60])
    space.name("a", [35..<55, 0..<12, 5..<11, 33..<33])
    #expect(space.areas.map { "\($0.range)@\($0.offset)" } == ["10..<12@10", "35..<40@35", "50..<55@50"])
    #expect(space.ranges == [12..<20, 30..<35, 55..<60])
    space.name("b", [])
    space.name("c", [0..<UInt64.max])
    #expect(space.ranges.isEmpty && space.areas.suffix(3).allSatisfy { $0.name == "c" } && space.areas.count == 6)
  }

  @Test func manySmallReads() throws {
    let image = ImageBytes((0..<200_000).map { UInt8(truncatingIfNeeded: $0 ^ $0 >> 8) })
    let buffered = BufferedBytes(image)
    for (offset, count) in [(0, 16), (65_530, 16), (65_536, 3), (10, 70_000), (199_990, 10), (199_000, 1000), (0, 0)] {
      #expect(try buffered.bytes(at: UInt64(offset), count: count) == Array(image.data[offset..<offset + count]))
    }
    #expect(throws: (any Error).self) { try buffered.bytes(at: 199_990, count: 11) }
    #expect(throws: (any Error).self) { try buffered.bytes(at: .max, count: 1) }
  }

  /// Nothing else is in the image. Files may have fragments in the same blocks.
  @Test func erofs() async throws {
    let directory = try ImageDirectory()
    try await directory.run("mkfs.erofs", ["image", "tree"])
    var image = try ImageBytes(contentsOf: directory("image"))
    let space = try rest("erofs", image)
    #expect(space.ranges.isEmpty && space.areas.map(\.name) == ["inodes"])
    for features: UInt8 in [0x20, 0x80] {
      image.data[1024 + 80] |= features
      #expect(try rest("erofs", image).areas.isEmpty)
      image.data[1024 + 80] &= ~features
    }
  }

  /// dump.f2fs says of which type each segment is, and how many blocks it has.
  @Test func nodesOfF2FS() async throws {
    let directory = try ImageDirectory()
    try directory.make("image", bytes: 128 << 20)
    try await directory.run("mkfs.f2fs", ["-q", "image"])
    try await directory.run("sload.f2fs", ["-f", "tree", "image"])
    try await directory.run("dump.f2fs", ["-s", "0~-1", "image"])
    let dump = try String(contentsOfFile: directory("dump_sit").string, encoding: .utf8)
    var nodes: UInt64 = 0
    for match in dump.matches(of: /vblocks: *([0-9]+)\tseg_type: *([0-9]+)/) {
      let (count, type) = (try #require(UInt64(match.1)), try #require(UInt64(match.2)))
      if type > 2 { nodes += count }
    }
    // An inode for each of 100 files, at least.
    #expect(nodes > 100)
    let image = try ImageBytes(contentsOf: directory("image"))
    let areas = try filesystemType(named: "f2fs").areas(on: image, known: [])
    #expect(areas.bytes("nodes") == nodes * 4096)
    // The footer of a node says which block comes next, and in which inode it is: none is 0.
    for area in areas where area.name == "nodes" {
      for start in stride(from: Int(area.range.lowerBound), to: Int(area.range.upperBound), by: 4096) {
        #expect(image.data.little(at: start + 4096 - 24, width: 4) > 0)
      }
    }
  }

  /// The file set descriptor and the root directory.
  @Test(arguments: [512, 2048]) func udf(sector: UInt64) async throws {
    let directory = try ImageDirectory()
    try directory.make("image", bytes: 16 << 20)
    let layout = try await directory.run("mkudffs", ["-b", "\(sector)", "--media-type=hd", "image"])
    let start = try #require(
      layout.firstMatch(of: /start=([0-9]+), blocks=[0-9]+, type=PSPACE/).flatMap { UInt64($0.1) })
    var image = try ImageBytes(contentsOf: directory("image"))
    let space = try rest("udf", image)
    #expect(bytes(space, "file set descriptor") == sector && bytes(space, "file entries") >= sector)
    let entry = try #require(space.areas.range("file entries"))
    // A tag that says that it is elsewhere, or with a wrong checksum, is data.
    for offset in [4, 12] {
      image.data[Int(entry.lowerBound) + offset] &+= 1
      if offset == 12 { image.data[Int(entry.lowerBound) + 4] &+= 1 }
      #expect(try bytes(rest("udf", image), "file entries") == bytes(space, "file entries") - sector)
      image = try ImageBytes(contentsOf: directory("image"))
    }
    #expect(entry.lowerBound >= start * sector)
  }
}

extension [DeviceArea] {
  /// The size of all areas with a name.
  func bytes(_ name: String) -> UInt64 {
    reduce(0) { $0 + ($1.name == name ? $1.range.upperBound - $1.range.lowerBound : 0) }
  }
}
