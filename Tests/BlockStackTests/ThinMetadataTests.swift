import Bytes
import Testing

@testable import BlockStack

/// Metadata of a thin pool that dmsetup(8) and the kernel made: volumes 0 and 1 use 32 blocks of 64 KiB each, as
/// thin_dump(8) says.
@Suite struct ThinMetadataTests {
  /// Lines with an offset and the bytes there, in hexadecimal. All other bytes are zeros.
  private static let pool = """
    0 4b00b827
    20 ba529c010000000002
    40 400000000000000040000000000000001c0000000000000005
    60 000000000000000d7fbc25b761bc3f
    c0 00010000000000000b000000000000001d0000000000000002
    e0 00000000000000000000000000000038b4050b0080ffff
    100 00000000000000ffffffff000000000000000000000000b04e2c000000ffffb0
    120 4e2c000000ffff80c05ac00000ffff0000000000000000e8c1d0080080ffff
    140 18000000000000001b0000000000000080000000080000000001
    18000 5d3c3e6e02000000180000000000000002000000fc00000008
    18020 000000000000000001
    18800 19000000000000001a
    19000 b36dd5be02000000190000000000000020000000fc00000008
    19020 00000000000000000100000000000000020000000000000003
    19040 04000000000000000500000000000000060000000000000007
    19060 080000000000000009000000000000000a000000000000000b
    19080 0c000000000000000d000000000000000e000000000000000f
    190a0 10000000000000001100000000000000120000000000000013
    190c0 14000000000000001500000000000000160000000000000017
    190e0 180000000000000019000000000000001a000000000000001b
    19100 1c000000000000001d000000000000001e000000000000001f
    19800 00000000000000000000000100000000000000020000000000000003
    19820 00000004000000000000000500000000000000060000000000000007
    19840 000000080000000000000009000000000000000a000000000000000b
    19860 0000000c000000000000000d000000000000000e000000000000000f
    19880 00000010000000000000001100000000000000120000000000000013
    198a0 00000014000000000000001500000000000000160000000000000017
    198c0 000000180000000000000019000000000000001a000000000000001b
    198e0 0000001c000000000000001d000000000000001e000000000000001f
    1a000 6e455e55020000001a0000000000000020000000fc00000008
    1a020 00000000000000000100000000000000020000000000000003
    1a040 04000000000000000500000000000000060000000000000007
    1a060 080000000000000009000000000000000a000000000000000b
    1a080 0c000000000000000d000000000000000e000000000000000f
    1a0a0 10000000000000001100000000000000120000000000000013
    1a0c0 14000000000000001500000000000000160000000000000017
    1a0e0 180000000000000019000000000000001a000000000000001b
    1a100 1c000000000000001d000000000000001e000000000000001f
    1a800 00000020000000000000002100000000000000220000000000000023
    1a820 00000024000000000000002500000000000000260000000000000027
    1a840 000000280000000000000029000000000000002a000000000000002b
    1a860 0000002c000000000000002d000000000000002e000000000000002f
    1a880 00000030000000000000003100000000000000320000000000000033
    1a8a0 00000034000000000000003500000000000000360000000000000037
    1a8c0 000000380000000000000039000000000000003a000000000000003b
    1a8e0 0000003c000000000000003d000000000000003e000000000000003f
    """

  private static let node: UInt32 = 121_107

  private let image = MetadataImage(pool)

  private func read(_ image: MetadataImage) throws -> ThinMetadata { try ThinMetadata { try image.block($0) } }

  @Test func volumes() throws {
    let metadata = try read(image)
    #expect(metadata.dataBlock == 65536 && metadata.damaged.isEmpty)
    #expect(
      metadata.volumes == [
        0: [.init(start: 0, data: 0, count: 32)], 1: [.init(start: 0, data: 32, count: 32)],
      ])
    #expect(Set(metadata.used) == [0..<2 << 20, 2 << 20..<4 << 20])
    // The volume ends in the middle of a block.
    #expect(
      metadata.segments(of: 1, data: "253:1", size: 65536 + 512) == [
        DeviceTable.Segment(range: 0..<66048, target: .linear(Target.Leg(device: "253:1", offset: 2 << 20)))
      ])
  }

  @Test func checksum() { #expect(CRC32.castagnoli.checksum("123456789".utf8) == 0xe306_9283) }

  /// A damaged tree of one volume leaves the other one as it is.
  @Test func damage() throws {
    var wrong = image
    wrong.bytes[25 * 4096 + 100] ^= 1
    #expect(try read(wrong).damaged == [0: .damaged(block: 25)])
    #expect(try read(wrong).volumes.keys.sorted() == [1])

    var superblock = image
    superblock.bytes[40] ^= 1
    #expect(throws: ThinMetadata.Failure.noSuperblock) { try read(superblock) }
    var top = image
    top.bytes[24 * 4096 + 40] ^= 1
    #expect(throws: ThinMetadata.Failure.damaged(block: 24)) { try read(top) }
  }

  /// Nodes that pass for valid but lead back to themselves, to one node twice, or out of the device.
  @Test func treesThatAreNone() throws {
    for (flags, count, children) in [
      (1, 1, [25]), (1, 2, [26, 26]), (1, 1, [1 << 40]), (3, 1, [0]), (1, 0, []), (2, 300, []),
    ] as [(UInt64, UInt64, [UInt64])] {
      var image = self.image
      let start = 25 * 4096
      image.put(flags, at: start + 4, width: 4)
      image.put(count, at: start + 16, width: 4)
      let maximum = Int(image.bytes.little(at: start + 20, width: 4))
      for (index, child) in children.enumerated() {
        image.put(child, at: start + 32 + 8 * (maximum + index), width: 8)
      }
      image.seal(25, Self.node)
      #expect(try read(image).damaged.count == 1, "\(flags) \(count) \(children)")
    }
  }

  /// Numbers that overflow give no segments, and nothing traps.
  @Test func numbersThatCannotBe() throws {
    var image = self.image
    let start = 25 * 4096
    let maximum = Int(image.bytes.little(at: start + 20, width: 4))
    image.put(.max, at: start + 32 + 8 * 31, width: 8)
    image.put(.max, at: start + 32 + 8 * (maximum + 31), width: 8)
    image.seal(25, Self.node)
    let metadata = try read(image)
    #expect(metadata.volumes[0]?.count == 2)
    #expect(metadata.segments(of: 0, data: "253:1", size: 1 << 40) == nil)
    // The block of the pool is far behind its end, but a number.
    #expect(metadata.used.count == 3)
  }

  @Test(arguments: [
    ("thin 253:3 1", MetadataTarget.thin(pool: "253:3", number: 1, origin: nil)),
    ("thin 253:3 4 253:9", .thin(pool: "253:3", number: 4, origin: "253:9")),
    ("thin-pool 253:1 253:2 128 0 1 skip_block_zeroing", .pool(metadata: "253:1", data: "253:2")),
    ("snapshot 253:5 253:6 P 8", .snapshot(origin: "253:5", store: "253:6")),
    (
      "cache 253:6 253:5 253:7 128 2 metadata2 writeback mq 0",
      .cached(metadata: "253:6", cache: "253:5", origin: "253:7")
    ),
    ("cache 253:6 253:5 253:7", nil), ("snapshot 253:5 253:6 N 8", nil), ("thin 253:3 x", nil), ("snapshot 253:5", nil),
    ("linear 8:0 0", nil),
  ])
  func tables(line: String, expected: MetadataTarget?) {
    let fields = line.split(separator: " ")
    #expect(MetadataTarget(kind: fields[0], fields[1...]) == expected)
  }

  /// A volume with a hole: what is stored has locations in both directions, and the hole has none.
  @Test func holes() {
    var table = DeviceTable(
      parsing: """
        device 8:0 - - 204800
        disk 8:0 1
        device 253:4 - - 2048
        table 253:4 0 2048 thin 253:3 1
        """)
    #expect(!table.isFollowed("253:4") && table.locations(of: "253:4") == nil && table.problem(of: "253:4") == nil)
    let leg = { (offset: UInt64) in Target.linear(Target.Leg(device: "8:0", offset: offset)) }
    table.addMetadataTarget(
      "253:4",
      madeOf: [
        .init(range: 65536..<131072, target: leg(1 << 20)), .init(range: 262144..<327680, target: leg(0)),
        .init(range: 327680..<393216, target: leg(2 << 20)),
      ])
    #expect(table.isFollowed("253:4") && table.end(of: "253:4") == 1 << 20 && table.isInVolume("8:0"))
    let disk: [Range<UInt64>] = [1_048_576..<1_114_112, 0..<65536, 2_097_152..<2_162_688]
    #expect(table.locations(of: "253:4")?.map(\.range) == disk)
    #expect(table.locations(of: 0..<65536, on: "253:4") == [])
    #expect(
      table.locations(of: 131000..<262200, on: "253:4") == [
        DeviceTable.Location(disk: 1, range: 1 << 20 + 65464..<1 << 20 + 65536, offset: 0),
        DeviceTable.Location(disk: 1, range: 0..<56, offset: 131144),
      ])
    for (start, part) in [(UInt64(0), UInt64(262144)), (1 << 20, 65536), (2 << 20, 327680)] {
      #expect(
        table.parts(of: "253:4", heldBy: start..<start + 512, ofDisk: 1) == [
          .init(range: part..<part + 512, onDisk: start)
        ])
    }
    #expect(table.parts(of: "253:4", heldBy: 65536..<1 << 20, ofDisk: 1) == [])
  }
}
