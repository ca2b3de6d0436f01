import Bytes
import Testing

@testable import BlockStack

/// Metadata of caches that LVM and the kernel made, with blocks of 64 KiB.
@Suite struct CacheMetadataTests {
  /// Version 2, 256 blocks. Lines with an offset and the bytes there, in hexadecimal. All other bytes are zeros.
  private static let second = """
    0 995da23201
    20 03c4180000000000020000006d71000000000000000000000000000004
    40 00080000000000000c00000000000000180000000000000002
    c0 0f000000000000001600000000000000150000000000000080
    e0 000300000000000080000000080000000001
    100 190000003b000000190000000c00000002000000000000000000000012
    d000 6e26921cfd01000000010000080000000d000000000000000100ff02
    d020 01000000000000000100fd02000000000100fe02000000000100fc02
    d040 0100fb02000000000100fa02000000000100f802000000000100e702
    d060 010001000000000001000200000000000100040000000000010008
    d080 010010000000000001002000000000000100400000000000010003
    d0a0 01000001000000000100340000000000010099000000000001009a
    d0c0 01009c000000000001009d00000000000100c100000000000100c2
    d0e0 0100c300000000000100c500000000000100c600000000000100c7
    d100 0100c900000000000100ca00000000000100cb00000000000100cc
    f000 5d249e37020000000f0000000000000001000000fc00000008
    f800 0d
    12000 82971c6d02000000120000000000000001000000fc00000008
    12800 13
    13000 87384130fd010000040000000800000013000000000000000208feff01
    """

  /// Version 1, 192 blocks.
  private static let first = """
    0 f035134901
    20 03c418000000000001000000736d710000000000000000000000000004
    40 00080000000000000a00000000000000190000000000000002
    c0 14000000000000001700000000000000160000000000000080
    e0 00030000000000008000000008000000c0
    100 1a0000003b0000001b0000001100000002
    12000 79f7c5b4fd010000c00000000800000012000000000000000100ff02
    12020 03000000000000000100fd02000000000100fe02000000000100fc02
    12040 0100fb02000000000100fa02000000000100f802000000000100e702
    12060 010001000000000001000200000000000300040000000000030008
    12080 010010000000000001002000000000000100400000000000010003
    120a0 030000010000000003003400000000000300a100000000000300a2
    120c0 0300a3000000000003000500000000000300060000000000030007
    120e0 030009000000000003000a000000000003000b00000000000300a8
    12100 0300a900000000000300ab00000000000300ac00000000000300ae
    12120 0300af00000000000300b0
    14000 272c6b9a02000000140000000000000001000000fc00000008
    14800 12
    """

  private static let superblock: UInt32 = 9_031_977
  private static let node: UInt32 = 121_107
  private static let array: UInt32 = 595_846_735

  private func read(_ image: MetadataImage) throws -> CacheMetadata { try CacheMetadata { try image.block($0) } }

  /// The pairs of a block of the volume and a block of the cache.
  private func pairs(_ metadata: CacheMetadata, isDirty: Bool) -> [UInt64: UInt64] {
    var result: [UInt64: UInt64] = [:]
    for run in metadata.runs where run.isDirty == isDirty {
      for index in 0..<run.count { result[run.start + index] = run.stored + index }
    }
    return result
  }

  /// As cache_dump(8) says.
  @Test func firstVersion() throws {
    let metadata = try read(MetadataImage(Self.first))
    #expect(metadata.block == 65536)
    #expect(
      pairs(metadata, isDirty: true) == [
        0: 1, 4: 11, 8: 12, 256: 17, 52: 18, 161: 19, 162: 20, 163: 21, 5: 22, 6: 23, 7: 24, 9: 25, 10: 26, 11: 27,
        168: 28, 169: 29, 171: 30, 172: 31, 174: 32, 175: 33, 176: 34,
      ])
    #expect(
      pairs(metadata, isDirty: false) == [
        767: 0, 765: 2, 766: 3, 764: 4, 763: 5, 762: 6, 760: 7, 743: 8, 1: 9, 2: 10, 16: 13, 32: 14, 64: 15, 3: 16,
      ])
    #expect(metadata.runs.contains(.init(start: 5, stored: 22, count: 3, isDirty: true)))
  }

  /// As cache_dump(8) says, which does not show what is dirty; dmsetup(8) said that 18 blocks are.
  @Test func secondVersion() throws {
    let metadata = try read(MetadataImage(Self.second))
    #expect(
      pairs(metadata, isDirty: true) == [
        0: 1, 4: 11, 256: 17, 52: 18, 153: 19, 154: 20, 156: 21, 157: 22, 193: 23, 194: 24, 195: 25, 197: 26, 198: 27,
        199: 28, 201: 29, 202: 30, 203: 31, 204: 32,
      ])
    #expect(pairs(metadata, isDirty: false).count == 15)
    #expect(metadata.stale(size: 768 << 16).reduce(0) { $0 + $1.count } == 18 << 16)
    // The volume ends in block 204.
    let last: Range<UInt64> = 13_172_736..<13_369_856
    #expect(metadata.stale(size: last.upperBound).last == last)
  }

  /// After a crash, all blocks are taken for dirty.
  @Test(arguments: [first, second]) func crash(text: String) throws {
    var image = MetadataImage(text)
    image.put(0, at: 4, width: 4)
    image.seal(0, Self.superblock)
    let metadata = try read(image)
    #expect(pairs(metadata, isDirty: false).isEmpty && pairs(metadata, isDirty: true).count >= 33)
  }

  /// Dirty blocks are in the cache, others that are in the cache are in both places, and the rest is in the volume.
  @Test func segments() throws {
    let metadata = try read(MetadataImage(Self.first))
    let segments = try #require(metadata.segments(origin: "253:7", cache: "253:5", size: 6 << 16 + 512))
    let origin = { (block: UInt64) in Target.Leg(device: "253:7", offset: block * 65536) }
    let cache = { (block: UInt64) in Target.Leg(device: "253:5", offset: block * 65536) }
    let ends: [UInt64] = [65536, 196608, 262144, 327680, 393728]
    let targets: [Target] = [
      .linear(cache(1)), .mirrored([origin(1), cache(9)]), .mirrored([origin(3), cache(16)]), .linear(cache(11)),
      .linear(cache(22)),
    ]
    #expect(segments.map(\.range.upperBound) == ends && segments.map(\.range.lowerBound) == [0] + ends.dropLast())
    #expect(segments.map(\.target) == targets)
    let last = metadata.segments(origin: "253:7", cache: "253:5", size: 1000 << 16)?.last
    #expect(last?.range == 768 << 16..<1000 << 16 && last?.target == .linear(origin(768)))
  }

  /// What lies in the cache and in the volume is found from both.
  @Test func bothPlaces() {
    var table = DeviceTable(
      parsing: """
        device 8:0 - - 204800
        device 8:16 - - 204800
        disk 8:0 1
        disk 8:16 2
        device 253:4 - - 2048
        table 253:4 0 2048 cache 8:32 8:16 8:0 128 1 writeback smq 0
        """)
    #expect(table.locations(of: "253:4") == nil && table.metadataTargets.count == 1)
    let leg = { (device: Substring, offset: UInt64) in Target.Leg(device: device, offset: offset) }
    table.addMetadataTarget(
      "253:4",
      madeOf: [
        .init(range: 0..<65536, target: .linear(leg("8:16", 65536))),
        .init(range: 65536..<131072, target: .mirrored([leg("8:0", 65536), leg("8:16", 0)])),
        .init(range: 131072..<1 << 20, target: .linear(leg("8:0", 131072))),
      ])
    for (disk, start, part) in [(2, UInt64(65536), UInt64(0)), (1, 65536, 65536), (2, 0, 65536), (1, 131072, 131072)] {
      #expect(
        table.parts(of: "253:4", heldBy: start..<start + 512, ofDisk: disk) == [
          .init(range: part..<part + 512, onDisk: start)
        ])
    }
    // The volume has old content there.
    #expect(table.parts(of: "253:4", heldBy: 0..<65536, ofDisk: 1) == [])
    #expect(table.locations(of: 65536..<66048, on: "253:4")?.map(\.disk) == [1, 2])
  }

  @Test func damage() throws {
    for offset in [40, 13 * 4096 + 100, 15 * 4096 + 40, 18 * 4096 + 40, 19 * 4096 + 100] {
      var image = MetadataImage(Self.second)
      image.bytes[offset] ^= 1
      let expected =
        offset == 40 ? ThinMetadata.Failure.noSuperblock : .damaged(block: UInt64(offset / 4096))
      #expect(throws: expected) { try read(image) }
    }
  }

  /// Arrays that pass for valid but have too few values, or too many, or name another block.
  @Test(arguments: [(8, 255), (8, 257), (8, 0), (12, 4), (16, 14)] as [(Int, UInt64)])
  func arraysThatAreNone(offset: Int, value: UInt64) {
    var image = MetadataImage(Self.second)
    image.put(value, at: 13 * 4096 + offset, width: 4)
    image.seal(13, Self.array)
    #expect(throws: ThinMetadata.Failure.damaged(block: 13)) { try read(image) }
  }

  /// A block of the volume that is in the cache twice, and blocks far behind the volume's end.
  @Test func numbersThatCannotBe() throws {
    var twice = MetadataImage(Self.second)
    twice.put(767 << 16 | 1, at: 13 * 4096 + 24 + 8, width: 8)
    twice.seal(13, Self.array)
    #expect(throws: ThinMetadata.Failure.damaged(block: 15)) { try read(twice) }

    var far = MetadataImage(Self.second)
    far.put(.max, at: 13 * 4096 + 24 + 8, width: 8)
    far.seal(13, Self.array)
    far.put(UInt64(UInt32.max), at: 232, width: 4)
    far.seal(0, Self.superblock)
    let metadata = try read(far)
    #expect(metadata.segments(origin: "253:7", cache: "253:5", size: .max) == nil)
    #expect(metadata.stale(size: .max).allSatisfy { !$0.isEmpty })

    var large = MetadataImage(Self.second)
    large.put(UInt64(UInt32.max), at: 240, width: 4)
    large.seal(0, Self.superblock)
    #expect(throws: ThinMetadata.Failure.tooLarge) { try read(large) }
  }
}
