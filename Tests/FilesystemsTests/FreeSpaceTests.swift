import BlockStack
import TestSupport
import Testing

@testable import Filesystems

/// Free space and metadata that are read from the device. The bytes are from filesystems that their own mkfs made.
@Suite struct FreeSpaceTests {
  /// One line per area: `KIND START END@OFFSET NAME`, in decimal.
  private func lines(_ areas: [DeviceArea]) -> [String] {
    areas.map { area in
      let offset = area.offset == 0 ? "" : "@\(area.offset)"
      let kind = Character(Unicode.Scalar(area.kind.rawValue))
      return "\(kind) \(area.range.lowerBound) \(area.range.upperBound)\(offset) \(area.name ?? "-")"
    }
  }

  /// mkfs.fat with two bad blocks, and a file of three clusters behind one that was deleted. According to fsck.fat, 5
  /// of 71 clusters are in use, and the first is at byte 17920.
  private let fat12 = DeviceImage(
    size: 163_840,
    [
      (0, "eb3c 906d 6b66 732e 6661 7400 0204 0100 0200 0240 01f8 0100 1000 0200 0000 0000 0000 0000 8000 2978"),
      (512, "f8ff ff00 0000 0060 0007 f0ff"), (576, "70ff f70f"),
    ])

  @Test func fat12IsReadFromItsTable() throws {
    #expect(
      lines(try FAT().areas(on: fat12, known: [])) == [
        "m 0 512 boot sector", "m 512 1024 FAT 1", "m 1024 1536 FAT 2", "m 101888 105984@83968 bad clusters",
        "u 17920 24064 -", "u 30208 101888 -", "u 105984 163328 -", "u 163328 163840 -",
      ])
  }

  /// mkfs.fat with a bad block of two clusters, and a file. According to fsck.fat, 13 of 68528 clusters are in use, and
  /// the first is at byte 565248.
  @Test func fat32IsReadFromItsTable() throws {
    var device = DeviceImage(
      size: 34 << 20,
      [
        (0, "eb58 906d 6b66 732e 6661 7400 0201 2000 0200 0000 00f8 0000 2000 0800 0000 0000"),
        (32, "0010 0100 1802 0000 0000 0000 0200 0000 0100 0600"), (251_976, "f7ff ff0f f7ff ff0f"),
        (16384, "f8ff ff0f ffff ff0f f8ff ff0f 0400 0000 0500 0000 0600 0000 0700 0000 0800 0000 0900 0000"),
        (16420, "0a00 0000 0b00 0000 0c00 0000 ffff ff0f"),
      ])
    let areas = try FAT().areas(on: device, known: [])
    #expect(
      lines(areas) == [
        "m 0 512 boot sector", "m 512 1024 FSInfo", "m 3072 3584 backup boot sector", "m 3584 4096 backup FSInfo",
        "m 1024 3072@1024 reserved sectors", "m 4096 16384@4096 reserved sectors", "m 16384 290816 FAT 1",
        "m 290816 565248 FAT 2", "m 30720000 30721024@30154752 bad clusters", "u 570880 30720000 -",
        "u 30721024 35651584 -",
      ])
    let free = areas.filter { $0.kind == .unallocated }.reduce(0) { $0 + $1.range.count }
    #expect(free == (68528 - 13) * 512)
    // The upper four bits of an entry are reserved: this one is free.
    device.put("0000 0050", at: 16384 + 4 * 4)
    #expect(try FAT().areas(on: device, known: []).contains { $0.range == 566_272..<566_784 })
  }

  @Test func fat16HasNoPaddingBehindItsTables() throws {
    let device = DeviceImage(
      size: 9 << 20,
      [
        (0, "eb3c 906d 6b66 732e 6661 7400 0204 0400 0200 0200 48f8 1400 2000 0200"),
        (2048, "f8ff ffff 0300 ffff f7ff"),
      ])
    #expect(
      lines(try FAT().areas(on: device, known: [])) == [
        "m 0 512 boot sector", "m 512 2048@512 reserved sectors", "m 2048 12288 FAT 1", "m 12288 22528 FAT 2",
        "m 43008 45056@4096 bad clusters", "u 45056 9437184 -",
      ])
  }

  /// mkfs.exfat. According to dump.exfat, 1016 of 1020 clusters are free.
  private let exFAT = DeviceImage(
    size: 4 << 20,
    [
      (0, "eb76 9045 5846 4154 2020 2000"), (64, "0000 0000 0000 0000 0020 0000 0000 0000 1800 0000 0800 0000"),
      (88, "2000 0000 fc03 0000 0500 0000 b45e 6f7f 0001 0000 0903 0180"),
      (12288, "f8ff ffff ffff ffff ffff ffff 0400 0000 ffff ffff ffff ffff"), (16384, "0f"),
      (28672, "8305 4c00 4100 4200 4500 4c00"), (28704, "8100"), (28724, "0200 0000 8000"),
      (28736, "8200 0000 0dd3 19e6"), (28756, "0300 0000 cc16"),
    ])

  @Test func exFATIsReadFromItsBitmap() throws {
    #expect(
      lines(try ExFAT().areas(on: exFAT, known: [])) == [
        "m 0 6144 boot region", "m 6144 12288 backup boot region", "m 12288 16384 FAT 1",
        "m 16384 20480 allocation bitmap", "m 20480 28672 up-case table", "u 32768 4194304 -",
      ])
  }

  /// Windows writes an up-case table of 5836 bytes, also on a volume with clusters of 512 bytes.
  @Test func anUpCaseTableThatIsLargerThanTheBitmap() throws {
    var device = exFAT
    device.put("0600 0000", at: 12288 + 4 * 4)
    device.put("ffff ffff", at: 12288 + 6 * 4)
    device.put("1f", at: 16384)
    device.put("0030", at: 28760)
    let table = try ExFAT().areas(on: device, known: []).filter { $0.name == "up-case table" }
    #expect(lines(table) == ["m 20480 28672 up-case table", "m 32768 36864@8192 up-case table"])
  }

  /// mkfs.exfat with an alignment of 64 KiB, which leaves gaps before and behind the table; with a bad cluster, and the
  /// up-case table in two pieces. The device is larger than the filesystem.
  @Test func exFATWithGapsAndABadCluster() throws {
    let device = DeviceImage(
      size: 5 << 20,
      [
        (0, "eb76 9045 5846 4154 2020 2000"), (64, "0000 0000 0000 0000 d020 0000 0000 0000 8000 0000 1000 0000"),
        (88, "0001 0000 fa03 0000 0500 0000 215f 4ffb 0001 0000 0903 0180"),
        (65536, "f8ff ffff ffff ffff ffff ffff 0600 0000 0000 0000 ffff ffff ffff ffff 0000 0000 f7ff ffff"),
        (131_072, "5b"), (143_360, "8300"), (143_392, "8100"), (143_412, "0200 0000 8000"), (143_424, "8200"),
        (143_444, "0300 0000 cc16"),
      ])
    #expect(
      lines(try ExFAT().areas(on: device, known: [])) == [
        "m 0 6144 boot region", "m 6144 12288 backup boot region", "m 12288 65536 FAT alignment",
        "m 65536 73728 FAT 1", "m 73728 131072 cluster heap alignment", "m 131072 135168 allocation bitmap",
        "m 135168 139264 up-case table", "m 147456 151552@4096 up-case table", "m 155648 159744@24576 bad clusters",
        "u 139264 143360 -", "u 151552 155648 -", "u 159744 4300800 -", "u 4300800 5242880 -",
      ])
  }

  /// The first sector of what mkntfs made, with clusters of 512 bytes.
  private func ntfs(bitmap: [UInt8]) -> DeviceImage {
    var device = DeviceImage(
      size: 4 << 20,
      [
        (0, "eb52 904e 5446 5320 2020 2000 0201 0000 0000 0000 00f8 0000 0000 0000 0000 0000 0000 0000 8000 8000"),
        (40, "ff1f 0000 0000 0000 2000 0000 0000 0000 ff0f 0000 0000 0000 0200 0000 0800 0000"),
      ])
    device.put(bitmap, at: 512 * 100)
    return device
  }

  private let bitmap = DeviceArea(name: "$Bitmap", range: 51200..<52224)
  private let backup = DeviceArea(name: "backup boot sector", range: 8191 * 512..<8192 * 512)

  @Test func ntfsIsReadFromItsBitmap() throws {
    // Clusters 0 to 9, 15 to 4095, 4097 and the last; the bit behind it is set, but stands for no cluster.
    var bits = [UInt8](repeating: 0, count: 1024)
    bits.replaceSubrange(0..<512, with: [0xff, 0x83] + [UInt8](repeating: 0xff, count: 510))
    bits[512] = 2
    bits[1023] = 0xc0
    let device = ntfs(bitmap: bits)
    let expected = [
      "u 5120 7680 -", "u 2097152 2097664 -", "u 2098176 4193280 -",
    ]
    #expect(lines(try NTFS().areas(on: device, known: [bitmap, backup])) == expected)
    // In two runs, in any order.
    let parts = [
      DeviceArea(name: "$Bitmap", range: 51712..<52224, offset: 512),
      DeviceArea(name: "$Bitmap", range: 51200..<51712), DeviceArea(name: "$MFT", range: 0..<512),
    ]
    #expect(lines(try NTFS().areas(on: device, known: parts)) == expected + ["u 4193792 4194304 -"])
  }

  @Test func aBitmapThatCannotBeFoundIsNoFreeSpace() throws {
    let device = ntfs(bitmap: [])
    #expect(throws: SpaceError.self) { try NTFS().areas(on: device, known: []) }
    for range in [51200..<52223, 51200..<51712] as [Range<UInt64>] {
      #expect(throws: SpaceError.self) {
        try NTFS().areas(on: device, known: [DeviceArea(name: "$Bitmap", range: range)])
      }
    }
    let late = DeviceArea(name: "$Bitmap", range: 51200..<52224, offset: 1)
    #expect(throws: SpaceError.self) { try NTFS().areas(on: device, known: [late]) }
    // Beyond the end of the device.
    let outside = DeviceArea(name: "$Bitmap", range: 1 << 40..<1 << 41)
    #expect(throws: DeviceImage.BeyondItsEnd.self) { try NTFS().areas(on: device, known: [outside]) }
    var other = exFAT
    other.put("00", at: 28704)
    #expect(throws: SpaceError.self) { try ExFAT().areas(on: other, known: []) }
    // A bitmap of which only the first cluster is in the chain, although it has two.
    other = exFAT
    other.put("0000 0100", at: 28728)
    #expect(try ExFAT().areas(on: other, known: []).contains { $0.kind == .unallocated })
  }

  @Test func whatIsNoBootSector() {
    for device in [DeviceImage(size: 4096, []), DeviceImage(size: 4096, [(0, String(repeating: "ff", count: 512))])] {
      #expect(throws: SpaceError.self) { try FAT().areas(on: device, known: []) }
      #expect(throws: SpaceError.self) { try ExFAT().areas(on: device, known: []) }
      #expect(throws: SpaceError.self) { try NTFS().areas(on: device, known: []) }
    }
    let short = DeviceImage(size: 100, [])
    #expect(throws: (any Error).self) { try FAT().areas(on: short, known: []) }
    #expect(throws: (any Error).self) { try ExFAT().areas(on: short, known: []) }
    #expect(throws: (any Error).self) { try NTFS().areas(on: short, known: []) }
  }

  /// A file allocation table, or a chain in it, never leads outside of it.
  @Test func tablesThatEndEarly() throws {
    var device = fat12
    device.size = 600
    #expect(throws: DeviceImage.BeyondItsEnd.self) { try FAT().areas(on: device, known: []) }
    // The chains of the bitmap and of the root directory, which has no bitmap, are loops.
    var loop = exFAT
    loop.put("0200 0000", at: 12288 + 8)
    loop.put("0500 0000", at: 12288 + 20)
    loop.put("ffff ffff ffff ff00", at: 28728)
    #expect(try ExFAT().areas(on: loop, known: []).count == 7)
    for entry in 0..<128 { loop.put("85", at: 28672 + UInt64(entry) * 32) }
    #expect(throws: SpaceError.self) { try ExFAT().areas(on: loop, known: []) }
    // A table with room for the first clusters only.
    var small = DeviceImage(
      size: 9 << 20,
      [(0, "eb3c 906d 6b66 732e 6661 7400 0204 0400 0200 0200 48f8 0100 2000 0200"), (2048, "f8ff ffff")])
    let areas = try FAT().areas(on: small, known: [])
    #expect(areas.last?.range.upperBound == small.size && areas.last?.kind == .unallocated)
    small.put("0000", at: 14)
    #expect(throws: SpaceError.self) { try FAT().areas(on: small, known: []) }
  }

  /// Free space in more pieces than a map has room for is reported, not cut off.
  @Test func theNumberOfPiecesIsBounded() throws {
    var runs = UnitRuns(start: 0, unit: 1)
    for number in 0..<DeviceTable.maximumLocations { try runs.add(number * 2) }
    #expect(throws: SpaceError.self) { try runs.add(DeviceTable.maximumLocations * 2) }
    var large = UnitRuns(start: .max, unit: .max)
    try large.add(5)
    try large.add(.max - 1)
    #expect(large.ranges.isEmpty)
  }
}
