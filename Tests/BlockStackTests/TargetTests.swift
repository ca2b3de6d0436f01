import TestSupport
import Testing

@testable import BlockStack

/// Volumes and arrays of every kind over four partitions of two disks.
@Suite struct TargetTests {
  private static let disks = """
    device 8:0 - - 2097152
    device 8:1 8:0 2048 1000000
    device 8:2 8:0 1002048 1000000
    device 8:16 - - 2097152
    device 8:17 8:16 2048 1000000
    device 8:18 8:16 1002048 1000000
    disk 8:0 1
    disk 8:16 2

    """

  private static func array(_ level: String, layout: Int, chunk: Int = 65536, members: [String]) -> String {
    "device 9:0 - - 400000\narray 9:0 \(level) \(layout) \(chunk) \(members.count) none\n"
      + members.enumerated().map { "member 9:0 \($1) \($0) 2048 499000 in_sync" }.joined(separator: "\n")
  }

  /// An array of 400,000 sectors over devices of different sizes, none of them a multiple of a chunk.
  private static func unequal(_ level: String, layout: Int = 0) -> String {
    "device 9:0 - - 400000\narray 9:0 \(level) \(layout) 32768 4 none\n"
      + zip(four, [45001, 70002, 25024, 60031]).enumerated()
      .map { "member 9:0 \($1.0) \($0) 2048 \($1.1) in_sync" }.joined(separator: "\n")
  }

  private static let four = ["8:1", "8:17", "8:2", "8:18"]

  /// The tables of an upper device of 400,000 sectors, its name, and the number of copies of each byte.
  static let arrangements: [(text: String, device: String, copies: Int)] = [
    ("table 254:0 0 400000 linear 8:17 2048", "254:0", 1),
    ("table 254:0 0 400000 crypt aes-xts-plain64 :64:logon:x 0 8:2 32768 1 allow_discards", "254:0", 1),
    ("table 254:0 0 400000 striped 3 128 8:1 0 8:17 64 8:2 0", "254:0", 1),
    ("table 254:0 0 400000 mirror core 2 1024 nosync 2 8:1 0 8:17 8 1 handle_errors", "254:0", 2),
    (
      "table 254:0 0 400000 raid raid1 3 0 region_size 4096 2 253:1 254:1 253:2 254:2\n"
        + "table 254:1 0 500000 linear 8:1 100\ntable 254:2 0 500000 linear 8:17 2148", "254:0", 2
    ),
    ("table 254:0 0 400000 raid raid6_zr 3 128 region_size 4096 4 - 8:1 - 8:17 - 8:2 - 8:18", "254:0", 1),
    ("table 254:0 0 400000 raid raid6_ls_6 1 128 4 - 8:1 - 8:17 - 8:2 - 8:18", "254:0", 1),
    ("table 254:0 0 400000 raid raid5_ls 3 128 region_size 4096 3 - 8:1 - 8:2 - 8:17", "254:0", 1),
    (
      "table 254:0 0 400000 raid raid10 5 128 raid10_copies 2 raid10_format near 4 - 8:1 - 8:17 - 8:2 - 8:18", "254:0",
      2
    ),
    (
      "table 254:0 0 400000 raid raid10 5 128 raid10_copies 2 raid10_format far 5 - 8:1 - 8:17 - 8:2 - 8:18 - 254:1\n"
        + "table 254:1 0 400000 linear 8:18 500000", "254:0", 2
    ),
    (
      "table 254:0 0 400000 raid raid10 5 128 raid10_copies 2 raid10_format offset 3 - 8:1 - 8:17 - 8:2", "254:0", 2
    ),
    (array("raid1", layout: 0, members: ["8:1", "8:17", "8:18"]), "9:0", 3),
    (array("raid0", layout: 0, members: four), "9:0", 1), (array("raid10", layout: 0x102, members: four), "9:0", 2),
    (array("raid10", layout: 0x103, members: four), "9:0", 3),
    (array("raid10", layout: 0x201, members: Array(four.prefix(3))), "9:0", 2),
    (array("raid10", layout: 0x10301, members: four), "9:0", 3),
    (array("raid10", layout: 0x40201, members: four), "9:0", 2), (array("raid4", layout: 0, members: four), "9:0", 1),
    (array("raid5", layout: 0, members: four), "9:0", 1), (array("raid5", layout: 1, members: four), "9:0", 1),
    (array("raid5", layout: 2, members: four), "9:0", 1), (array("raid5", layout: 3, members: four), "9:0", 1),
    (array("raid5", layout: 4, members: four), "9:0", 1), (array("raid5", layout: 5, members: four), "9:0", 1),
    (array("raid6", layout: 2, members: four), "9:0", 1), (array("raid6", layout: 0, members: four), "9:0", 1),
    (array("raid6", layout: 9, members: four), "9:0", 1), (array("raid6", layout: 10, members: four), "9:0", 1),
    (array("raid1", layout: 0, members: ["8:1", "8:17"]) + "\ntable 254:0 0 400000 linear 9:0 0", "254:0", 2),
  ]

  @Test(arguments: arrangements)
  func everyByteHasItsCopies(_ arrangement: (text: String, device: String, copies: Int)) throws {
    let table = DeviceTable(parsing: Self.disks + arrangement.text)
    let device = arrangement.device[...]
    #expect(table.isFollowed(device))
    var random = Seeded(9)
    let size: UInt64 = 400_000 * 512
    for _ in 0..<200 {
      let start = UInt64.random(in: 0..<size, using: &random)
      let range = start..<min(size, start + UInt64.random(in: 1...300_000, using: &random))
      let locations = try #require(table.locations(of: range, on: device))
      #expect(locations.reduce(0) { $0 + $1.range.count } == range.count * arrangement.copies)
      for location in locations {
        // The reverse mapping returns the same part of the device.
        for part in table.parts(of: device, heldBy: location.range, ofDisk: location.disk) {
          let from = start + location.offset + (part.onDisk - location.range.lowerBound)
          #expect(part.range.lowerBound == from && part.range.upperBound <= range.upperBound)
        }
        let held = table.parts(of: device, heldBy: location.range, ofDisk: location.disk).reduce(0) {
          $0 + $1.range.count
        }
        #expect(held == location.range.count)
      }
    }
  }

  /// No byte of a disk holds two bytes of the array, nor both data and parity.
  @Test(arguments: arrangements)
  func noByteIsTwo(_ arrangement: (text: String, device: String, copies: Int)) throws {
    let table = DeviceTable(parsing: Self.disks + arrangement.text)
    let device = arrangement.device[...]
    let all = try #require(table.locations(of: device)) + (table.parity(of: device) ?? [])
    let sorted = all.sorted { ($0.disk, $0.range.lowerBound) < ($1.disk, $1.range.lowerBound) }
    for (location, next) in zip(sorted, sorted.dropFirst()) {
      #expect(location.disk != next.disk || location.range.upperBound <= next.range.lowerBound)
    }
  }

  @Test func parityIsAThirdOfAnArrayOfThree() throws {
    let table = DeviceTable(parsing: Self.disks + Self.array("raid5", layout: 2, members: Array(Self.four.prefix(3))))
    let parity = try #require(table.parity(of: "9:0"))
    #expect(table.parity(of: "8:1") == [])
    // The first stripe's parity is on the last device, the second's on the one before.
    #expect(
      parity.prefix(2) == [
        DeviceTable.Location(disk: 1, range: (1_002_048 + 2048) * 512..<(1_002_048 + 2048) * 512 + 65536, offset: 0),
        DeviceTable.Location(
          disk: 2, range: (2048 + 2048) * 512 + 65536..<(2048 + 2048) * 512 + 131072, offset: 131072),
      ])
  }

  /// Following each path of such tables would take forever, and following one recursively to its end would overflow
  /// the stack.
  @Test func tablesThatReferToTheSameDeviceAgainAndAgain() {
    let many = (1...16).map { level in
      (0..<50).map { "table 253:\(level) \($0 * 8192) 8192 linear 253:\(level - 1) 0" }.joined(separator: "\n")
    }
    let itself = (0..<50).map { "table 253:20 \($0 * 8192) 8192 linear 253:20 0" }
    let deep = (1..<100_000).map { "table 252:\($0) 0 8192 linear 252:\($0 - 1) 0" }
    let text = (["table 253:0 0 8192 linear 8:1 0"] + many + itself + deep).joined(separator: "\n")
    let table = DeviceTable(parsing: Self.disks + text)
    let start = ContinuousClock.now
    for device in ["253:15", "253:16", "253:20", "252:99999"] as [Substring] {
      _ = table.isFollowed(device)
      _ = table.isMade(of: ["8:16"], device)
      _ = table.locations(of: 0..<8192 * 512, on: device)
      _ = table.locations(of: device)
    }
    #expect(table.isFollowed("253:1"))
    #expect(!table.isFollowed("253:20"))
    #expect(table.parts(of: "253:2", heldBy: 0..<1 << 30, ofDisk: 1).count > 0)
    _ = table.parts(of: "253:15", heldBy: 0..<1 << 30, ofDisk: 1)
    // Without a limit it would never end.
    #expect(start.duration(to: .now) < .seconds(300))
  }

  /// Data on a lost device has no location; data on the other devices still has one.
  @Test func aDegradedArray() throws {
    let whole = Self.array("raid5", layout: 2, members: ["8:1", "8:17", "8:2"])
    let text = whole.split(separator: "\n").filter { !$0.hasPrefix("member 9:0 8:17") }.joined(separator: "\n")
    let table = DeviceTable(parsing: Self.disks + text)
    #expect(table.isFollowed("9:0"))
    #expect(table.locations(of: 0..<65536, on: "9:0")?.map(\.disk) == [1])
    #expect(table.locations(of: 65536..<131072, on: "9:0") == [])
    let mirror = Self.array("raid1", layout: 0, members: ["8:1", "8:17"])
      .replacing("8:17 1 2048 499000 in_sync", with: "8:17 1 2048 499000 spare")
    #expect(DeviceTable(parsing: Self.disks + mirror).locations(of: 0..<512, on: "9:0")?.map(\.disk) == [1])
  }

  @Test(arguments: [
    "array 9:0 raid10 393729 65536 4 none", "array 9:0 raid5 9 65536 4 none", "array 9:0 raid5 2 0 4 none",
    "array 9:0 raid5 2 65536 4 1024", "array 9:0 multipath 0 0 4 none", "array 9:0 raid6 2 65536 2 none",
    "array 9:0 raid10 256 65536 4 none", "array 9:0 raid10 261 65536 4 none",
  ])
  func otherArraysAreNotFollowed(_ line: String) {
    let members = Self.four.prefix(line.contains(" 2 none") ? 2 : 4).enumerated()
      .map { "member 9:0 \($1) \($0) 2048 499000 in_sync" }
    let text = Self.disks + (["device 9:0 - - 400000", line] + members).joined(separator: "\n")
    #expect(!DeviceTable(parsing: text).isFollowed("9:0"))
  }

  /// An old array of devices of different sizes does not say which of the two layouts it has. The array's size must
  /// also match the layout.
  @Test(arguments: ["array 9:0 raid0 0", "array 9:0 raid0 3", "array 9:0 raid0 -1", "device 9:0 - - 400064"])
  func zonesThatAreNotKnown(_ other: String) {
    let known = Self.unequal("raid0", layout: 1)
    let text = known.replacing(other.hasPrefix("array") ? "array 9:0 raid0 1" : "device 9:0 - - 400000", with: other)
    #expect(DeviceTable(parsing: Self.disks + known).isFollowed("9:0"))
    #expect(!DeviceTable(parsing: Self.disks + text).isFollowed("9:0"))
  }

  @Test func btrfs() throws {
    let text = """
      devid 1 8:1
      devid 2 8:17
      nodesize 16384
      chunk 1048576
      length 8388608 65536 SYSTEM|DUP
      stripe 0 devid 1 offset 1048576
      stripe 1 devid 1 offset 9437184
      chunk 20971520
      length 8388608 65536 METADATA|RAID1
      stripe 0 devid 1 offset 33554432
      stripe 1 devid 2 offset 1048576
      chunk 104857600
      length 8388608 65536 DATA
      stripe 0 devid 2 offset 67108864
      leaf 20987904
      entry 256
      """
    let tree = try #require(BtrfsTree(parsing: text))
    let block: Range<UInt64> = 20_987_904..<21_004_288
    #expect(tree.directories.count == 1 && tree.directories[256] == [block])
    var table = DeviceTable(parsing: Self.disks)
    table.add(BtrfsTree.device, madeOf: try #require(tree.segments))
    let locations = try #require(table.locations(of: 20_987_904..<21_004_288, on: BtrfsTree.device))
    #expect(locations.map(\.disk) == [1, 2])
    #expect(locations[1].range.lowerBound == 2048 * 512 + 1_048_576 + 16384)
    #expect(table.locations(of: 1_048_576..<1_052_672, on: BtrfsTree.device)?.count == 2)
    #expect(table.locations(of: 104_857_600..<104_861_696, on: BtrfsTree.device)?.map(\.disk) == [2])
    #expect(BtrfsTree(parsing: text.replacing("DATA\n", with: "DATA|RAID5\n"))?.segments == nil)
    #expect(BtrfsTree(parsing: "nonsense") == nil)
  }

  /// A Btrfs chunk with 24 stripe units of 64 KiB of data, on `legs` stripes over the four partitions in turn.
  private static func chunk(_ profile: String, legs: Int) throws -> DeviceTable {
    let text =
      (1...4).map { "devid \($0) \(four[$0 - 1])\n" }.joined() + "nodesize 16384\nchunk 20971520\n"
      + "length 1572864 65536 DATA|\(profile)\n"
      + (0..<legs).map { "stripe \($0) devid \($0 % 4 + 1) offset \(33_554_432 << ($0 / 4))\n" }.joined()
    var table = DeviceTable(parsing: disks)
    table.add(BtrfsTree.device, madeOf: try #require(BtrfsTree(parsing: text)?.segments))
    return table
  }

  /// The profile, its number of stripes, the number of copies of each byte, and the number of stripe units of
  /// parity.
  @Test(arguments: [
    ("RAID0", 4, 1, 0), ("RAID1", 2, 2, 0), ("RAID1C3", 3, 3, 0), ("RAID1C4", 4, 4, 0), ("DUP", 2, 2, 0),
    ("RAID10", 4, 2, 0), ("RAID5", 3, 1, 12), ("RAID5", 4, 1, 8), ("RAID6", 4, 1, 24), ("RAID6", 3, 1, 48),
  ])
  func btrfsProfiles(_ profile: String, legs: Int, copies: Int, parity: Int) throws {
    let table = try Self.chunk(profile, legs: legs)
    let chunk: Range<UInt64> = 20_971_520..<20_971_520 + 1_572_864
    let locations = try #require(table.locations(of: chunk, on: BtrfsTree.device))
    #expect(locations.reduce(0) { $0 + $1.range.count } == copies * chunk.count)
    for location in locations {
      let parts = table.parts(of: BtrfsTree.device, heldBy: location.range, ofDisk: location.disk)
      #expect(parts.first?.range.lowerBound == chunk.lowerBound + location.offset)
      #expect(parts.reduce(0) { $0 + $1.range.count } == location.range.count)
    }
    let checks = try #require(table.parity(of: BtrfsTree.device))
    #expect(checks.reduce(0) { $0 + $1.range.count } == parity * 65536)
    let all = (locations + checks).sorted { ($0.disk, $0.range.lowerBound) < ($1.disk, $1.range.lowerBound) }
    for (location, next) in zip(all, all.dropFirst()) {
      #expect(location.disk != next.disk || location.range.upperBound <= next.range.lowerBound)
    }
  }

  /// Numbers that only a damaged tree contains.
  @Test func btrfsNumbersThatDoNotFit() throws {
    for (length, stripe, offset) in [
      ("18446744073709551615", "1", "0"), ("1572864", "65536", "18446744073709551615"),
      ("18446744073688580095", "1099511627776", "9223372036854775807"), ("1572864", "0", "0"),
    ] {
      for profile in ["RAID0", "RAID10", "RAID5", "RAID6", "DUP"] {
        let text =
          "devid 1 8:1\nnodesize 16384\nchunk 20971520\nlength \(length) \(stripe) DATA|\(profile)\n"
          + (0..<4).map { "stripe \($0) devid 1 offset \(offset)\n" }.joined()
        var table = DeviceTable(parsing: Self.disks)
        guard let segments = BtrfsTree(parsing: text)?.segments else { continue }
        table.add(BtrfsTree.device, madeOf: segments)
        _ = table.parity(of: BtrfsTree.device)
        _ = table.locations(of: 20_971_520..<21_000_000, on: BtrfsTree.device)
        _ = table.parts(of: BtrfsTree.device, heldBy: 0..<1 << 30, ofDisk: 1).count
      }
    }
  }
}
