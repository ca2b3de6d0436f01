import SystemPackage
import Testing

@testable import BlockMap

struct BuilderTests {
  /// A builder with one disk of 256 MiB.
  private func builder() -> BlockMapBuilder {
    var builder = BlockMapBuilder()
    builder.addDisk(DiskDescription(size: 0x1000_0000, format: Array("vmdk".utf8), file: Array("my guest".utf8)))
    return builder
  }

  private func text(_ builder: BlockMapBuilder) throws -> String {
    let scratch = try Scratch()
    var builder = builder
    try builder.write(to: scratch.path.appending("map"))
    return String(decoding: try readFile(scratch.path.appending("map")), as: UTF8.self)
  }

  private let header = "# virt-bmap 2\n# disk 1 size=10000000 format=vmdk file=my\\040guest\n"

  @Test func writesTheFormatOfTheDesign() throws {
    var builder = builder()
    let file = try add(.file, "/dev/sda1", "/boot/config-6.1.0", to: &builder)
    builder.addRange(of: file, disk: 1, range: 0xb00400..<0xef1c00, objectOffset: 0x20400)
    builder.addRange(of: file, disk: 1, range: 0x941400..<0x961800, objectOffset: 0)
    let disk = try add(.disk, "/dev/sda", to: &builder)
    builder.addRange(of: disk, disk: 1, range: 0..<0x1000_0000)
    let expected =
      header + """
        1 0 10000000 v /dev/sda
        1 941400 961800 f /dev/sda1 /boot/config-6.1.0
        1 b00400 ef1c00 f@20400 /dev/sda1 /boot/config-6.1.0

        """
    #expect(try text(builder) == expected)
  }

  @Test func contentsOfADevice() throws {
    var builder = builder()
    #expect(builder.contents(ofDevice: Array("a".utf8)).isEmpty)
    let file = try add(.file, "a", "/x", to: &builder)
    let free = try add(.unallocated, "a", to: &builder)
    builder.addRange(of: file, disk: 1, range: 0x3000..<0x4000, objectOffset: 0x2000)
    builder.addRange(of: free, disk: 1, range: 0x1000..<0x2000)
    builder.addRange(of: try add(.partition, "a", to: &builder), disk: 1, range: 0..<0x9000)
    builder.addRange(of: try add(.file, "b", "/x", to: &builder), disk: 1, range: 0..<0x9000)
    let contents = builder.contents(ofDevice: Array("a".utf8))
    #expect(contents.map(\.object) == [free, file] && contents.map(\.range.lowerBound) == [0x1000, 0x3000])
    #expect(builder.contents(ofDevice: Array("c".utf8)).isEmpty)
    let added = builder.addObject(kind: .unwritten, like: file)
    let space = try #require(added)
    #expect(builder.kind(of: space) == .unwritten && space != file)
    #expect(try add(.unwritten, "a", "/x", to: &builder) == space)
    let offset: UInt64 = 0x3000
    builder.addRange(of: space, disk: 1, range: 0x4000..<0x5000, objectOffset: offset)
    #expect(try text(builder).hasSuffix("1 3000 4000 f@2000 a /x\n1 4000 5000 a@3000 a /x\n"))
  }

  @Test func joinsWhatContinuesOnDiskAndInObjectAlike() throws {
    var builder = builder()
    let file = try add(.file, "a", "b", to: &builder)
    let other = try add(.file, "a", "c", to: &builder)
    builder.addRange(of: file, disk: 1, range: 0x3000..<0x4000, objectOffset: 0x2000)
    builder.addRange(of: other, disk: 1, range: 0x2000..<0x3000, objectOffset: 0x1000)
    builder.addRange(of: file, disk: 1, range: 0x1000..<0x2000, objectOffset: 0)
    builder.addRange(of: file, disk: 1, range: 0x1800..<0x3000, objectOffset: 0x800)
    builder.addRange(of: file, disk: 1, range: 0x4000..<0x5000, objectOffset: 0x9000)
    builder.addRange(of: file, disk: 1, range: 0x1000..<0x2000, objectOffset: 0)
    #expect(
      try text(builder) == header + "1 1000 4000 f a b\n1 2000 3000 f@1000 a c\n1 4000 5000 f@9000 a b\n")
  }

  @Test func equalRangesStandInOneOrderWhateverTheOrderTheyCameIn() throws {
    let objects: [(ObjectKind, String, String?)] = [
      (.disk, "/dev/sda", nil), (.partition, "/dev/sda1", nil), (.logicalVolume, "/dev/vg/lv", nil),
      (.boot, "/dev/sda", nil), (.directory, "/dev/sda1", "/a"), (.file, "/dev/sda1", "/a"),
      (.file, "/dev/sda1", "/a/b"), (.file, "/dev/sda2", "/"),
    ]
    var texts: Set<String> = []
    for _ in 0..<20 {
      var builder = builder()
      for (kind, device, path) in objects.shuffled() {
        let id = try add(kind, device, path, to: &builder)
        builder.addRange(of: id, disk: 1, range: 0..<512)
      }
      texts.insert(try text(builder))
    }
    let lines = objects.map { kind, device, path in
      "1 0 200 \(Character(UnicodeScalar(kind.rawValue))) \(device)\(path.map { " " + $0 } ?? "")\n"
    }
    #expect(texts == [header + lines.joined()])
  }

  @Test func leavesOutWhatNoReaderWouldTake() throws {
    var builder = builder()
    let file = try add(.file, "a", "b", to: &builder)
    builder.addRange(of: file, disk: 1, range: 5..<5)
    builder.addRange(of: file, disk: 0, range: 0..<5)
    builder.addRange(of: file, disk: 2, range: 0..<5)
    builder.addRange(of: file, disk: 1, range: 0x1000_0000..<0x1000_0001)
    builder.addRange(of: file, disk: 1, range: 0xfff_ff00..<UInt64.max, objectOffset: 0)
    #expect(try text(builder) == header + "1 fffff00 10000000 f a b\n")
    let long = [UInt8](repeating: 0x61, count: FormatLimits.pathBytes + 1)
    let refused = builder.addObject(kind: .file, device: [0x61], path: long)
    #expect(refused == nil)
  }

  @Test func aCancelledMapperWritesNothing() throws {
    let scratch = try Scratch()
    var builder = builder()
    let disk = try add(.disk, "a", to: &builder)
    builder.addRange(of: disk, disk: 1, range: 0..<5)
    for rounds in 0..<3 {
      var asked = 0
      #expect(throws: MapError.self) {
        try builder.write(to: scratch.path.appending("map")) {
          asked += 1
          return asked > rounds
        }
      }
    }
    #expect(try scratch.names() == [])
  }
}
