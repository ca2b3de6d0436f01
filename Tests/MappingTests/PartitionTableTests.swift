import TestSupport
import Testing

@testable import Appliance
@testable import BlockStack
@testable import Bytes
@testable import Mapping

/// Partition tables on disks: sound, damaged and hostile.
@Suite struct PartitionTableTests {
  private static let size = 4 << 20

  /// A disk in memory.
  private struct Image {
    var bytes = [UInt8](repeating: 0, count: PartitionTableTests.size)

    mutating func put(_ value: UInt64, at offset: Int, width: Int) {
      for index in 0..<width { bytes[offset + index] = UInt8(truncatingIfNeeded: value >> (8 * UInt64(index))) }
    }

    mutating func put(_ text: some Collection<UInt8>, at offset: Int) {
      bytes.replaceSubrange(offset..<offset + text.count, with: text)
    }

    mutating func putMBR(at offset: Int = 0, _ entries: [(type: UInt8, start: UInt64, count: UInt64)]) {
      put([0x55, 0xaa], at: offset + 510)
      for (index, entry) in entries.enumerated() {
        bytes[offset + 446 + index * 16 + 4] = entry.type
        put(entry.start, at: offset + 446 + index * 16 + 8, width: 4)
        put(entry.count, at: offset + 446 + index * 16 + 12, width: 4)
      }
    }

    /// Writes a GPT and its backup; partitions are given by their first and last sectors.
    mutating func putGPT(
      _ sector: Int, _ partitions: [(UInt64, UInt64)], protective: Bool = true, entryCount: UInt64 = 128,
      entrySize: Int = 128
    ) {
      if protective { putMBR([(0xee, 1, 0xffff_ffff)]) }
      let sectors = bytes.count / sector
      var table = [UInt8](repeating: 0, count: 128 * entrySize)
      for (index, partition) in partitions.enumerated() {
        var entry = Image(bytes: [UInt8](repeating: 0, count: entrySize))
        entry.put(Array(repeating: 0x5a, count: 16), at: 0)
        entry.put(partition.0, at: 32, width: 8)
        entry.put(partition.1, at: 40, width: 8)
        table.replaceSubrange(index * entrySize..<(index + 1) * entrySize, with: entry.bytes)
      }
      let tableSectors = (table.count + sector - 1) / sector
      for (own, other, start) in [(1, sectors - 1, 2), (sectors - 1, 1, sectors - 1 - tableSectors)] {
        var header = Image(bytes: [UInt8](repeating: 0, count: 92))
        header.put("EFI PART".utf8, at: 0)
        header.put(0x10000, at: 8, width: 4)
        header.put(92, at: 12, width: 4)
        header.put(UInt64(own), at: 24, width: 8)
        header.put(UInt64(other), at: 32, width: 8)
        header.put(UInt64(2 + tableSectors), at: 40, width: 8)
        header.put(UInt64(sectors - 2 - tableSectors), at: 48, width: 8)
        header.put(UInt64(start), at: 72, width: 8)
        header.put(entryCount, at: 80, width: 4)
        header.put(UInt64(entrySize), at: 84, width: 4)
        header.put(UInt64(CRC32.ieee.checksum(table)), at: 88, width: 4)
        header.put(UInt64(CRC32.ieee.checksum(header.bytes)), at: 16, width: 4)
        put(header.bytes, at: own * sector)
        put(table, at: start * sector)
      }
    }

    mutating func putBSDLabel(at offset: Int, _ partitions: [(start: UInt64, count: UInt64, type: UInt8)]) {
      var label = Image(bytes: [UInt8](repeating: 0, count: 148 + 16 * partitions.count))
      label.put(0x8256_4557, at: 0, width: 4)
      label.put(0x8256_4557, at: 132, width: 4)
      label.put(512, at: 40, width: 4)
      label.put(UInt64(partitions.count), at: 138, width: 2)
      for (index, partition) in partitions.enumerated() {
        label.put(partition.count, at: 148 + index * 16, width: 4)
        label.put(partition.start, at: 152 + index * 16, width: 4)
        label.bytes[160 + index * 16] = partition.type
      }
      let sum = stride(from: 0, to: label.bytes.count, by: 2).reduce(UInt64(0)) {
        $0 ^ label.bytes.little(at: $1, width: 2)
      }
      label.put(sum, at: 136, width: 2)
      put(label.bytes, at: offset)
    }

    func table(_ sectorSize: SectorSize = .bytes512) -> DiskTable { DiskTable.read(TableBytes(bytes), sectorSize) }
    var sectorSize: SectorSize { SectorSize.detect(TableBytes(bytes), declared: nil) }
  }

  private func ranges(_ table: DiskTable) -> [Int: Range<UInt64>] {
    Dictionary(table.partitions.map { ($0.number, $0.range) }) { first, _ in first }
  }

  private func texts(_ table: DiskTable) -> [String] { table.damage.map(\.text) }

  private func losesSomething(_ table: DiskTable) -> Bool { table.damage.contains { $0.isLoss } }

  @Test func checksum() { #expect(CRC32.ieee.checksum("123456789".utf8) == 0xcbf4_3926) }

  @Test func sectorSizeOfAGPT() {
    for size in SectorSize.allCases {
      var image = Image()
      image.putGPT(size.rawValue, [(100, 199)])
      #expect(image.sectorSize == size)
      let table = image.table(size)
      #expect(ranges(table) == [1: 100 * size.bytes..<200 * size.bytes])
      #expect(table.damage.isEmpty)
      // Without the primary header, its backup gives the same result.
      image.put([UInt8](repeating: 0, count: 92), at: size.rawValue)
      #expect(image.sectorSize == size)
      #expect(ranges(image.table(size)) == [1: 100 * size.bytes..<200 * size.bytes])
    }
    // If there is one of each size, 512 is used.
    var both = Image()
    both.putGPT(4096, [(100, 199)])
    both.putGPT(512, [(100, 199)])
    #expect(both.sectorSize == .bytes512)
  }

  @Test func sectorSizeOfAnMBR() {
    var image = Image()
    image.putMBR([(0x83, 256, 512)])
    #expect(image.sectorSize == .bytes512, "nothing is there")
    image.put("XFSB".utf8, at: 256 * 4096)
    #expect(image.sectorSize == .bytes4096)
    #expect(ranges(image.table(.bytes4096)) == [1: 256 * 4096..<768 * 4096 as Range<UInt64>])
    image.put("XFSB".utf8, at: 256 * 512)
    #expect(image.sectorSize == .bytes512, "both lead to something")

    var large = Image()
    large.putMBR([(0x83, 256, 512), (0x83, 800, 1000)])
    large.put("XFSB".utf8, at: 256 * 4096)
    #expect(large.sectorSize == .bytes512, "an entry goes on behind the end")

    var logical = Image()
    logical.putMBR([(0x05, 256, 512)])
    logical.putMBR(at: 256 * 4096, [(0x83, 16, 100)])
    #expect(logical.sectorSize == .bytes4096)
    #expect(logical.table(.bytes4096).damage.isEmpty)

    // A stale GPT from before the disk was repartitioned.
    var stale = Image()
    stale.putGPT(4096, [(100, 199)])
    stale.putMBR([(0x83, 256, 512)])
    #expect(stale.sectorSize == .bytes512)
    #expect(ranges(stale.table()) == [1: 256 * 512..<768 * 512 as Range<UInt64>])

    var boot = Image()
    boot.put([0x55, 0xaa], at: 510)
    #expect(boot.sectorSize == .bytes512)
    #expect(SectorSize.detect(TableBytes(boot.bytes), declared: .bytes4096) == .bytes4096)
    #expect(SectorSize.detect(TableBytes([]), declared: nil) == .bytes512)
  }

  @Test func damagedGPTs() {
    var image = Image()
    image.putGPT(512, [(100, 199), (200, 299)])
    let sound = image.table()
    #expect(sound.damage.isEmpty)
    let expected: [Int: Range<UInt64>] = [1: 100 * 512..<200 * 512, 2: 200 * 512..<300 * 512]
    #expect(ranges(sound) == expected)

    var header = image
    header.bytes[512] ^= 1
    #expect(ranges(header.table()) == expected)
    #expect(texts(header.table()) == ["the backup at the disk's end is used"])
    #expect(!losesSomething(header.table()))

    var entries = image
    entries.bytes[1024 + 40] ^= 1
    #expect(ranges(entries.table()) == expected)
    #expect(texts(entries.table()) == ["the backup at the disk's end is used"])

    // If both entry arrays are damaged, the first is used.
    entries.bytes[Self.size - 33 * 512] ^= 1
    #expect(ranges(entries.table())[2] == expected[2])
    #expect(losesSomething(entries.table()))

    var cut = image
    cut.bytes.removeLast(1 << 20)
    #expect(ranges(cut.table()) == expected)
    #expect(texts(cut.table()) == ["the disk ends before the table says, and its backup is missing"])

    var none = image
    none.bytes[512] ^= 1
    none.bytes[Self.size - 512] ^= 1
    #expect(none.table().partitions.isEmpty)
    #expect(losesSomething(none.table()))

    var unprotected = image
    unprotected.put([UInt8](repeating: 0, count: 512), at: 0)
    #expect(ranges(unprotected.table()) == expected)
    #expect(texts(unprotected.table()) == ["the protective MBR is missing"])

    var absurd = Image()
    absurd.putGPT(512, [(100, 199), (200, 299)], entryCount: 0xffff_ffff)
    #expect(ranges(absurd.table()) == expected)
    #expect(texts(absurd.table()) == ["it claims 4294967295 entries, and there is room for 128"])

    var wide = Image()
    wide.putGPT(512, [(200, 299)], entrySize: 256)
    #expect(ranges(wide.table()) == [1: 200 * 512..<300 * 512 as Range<UInt64>])
    #expect(wide.table().damage.isEmpty)
  }

  @Test func partitionsThatDoNotFit() {
    var image = Image()
    image.putGPT(512, [(100, 199), (150, 299), (8000, 20000), (.max, 5), (3, .max)])
    let table = image.table()
    #expect(ranges(table).keys.sorted() == [1, 2, 3])
    #expect(
      texts(table) == [
        "entries without a valid range: 2", "partition 3 goes on beyond the disk's end", "partitions 1 and 2 overlap",
      ])
    // In an image for hybrid boot, one partition covers the whole disk.
    var hybrid = Image()
    hybrid.putMBR([(0x17, 0, 8192), (0xef, 100, 50)])
    #expect(hybrid.table().damage.isEmpty)
  }

  @Test func chainsOfExtendedRecords() {
    var image = Image()
    image.putMBR([(0x83, 1, 9), (0x05, 100, 4000)])
    #expect(image.table().damage.map(\.isLoss) == [true], "there is no first record")
    image.putMBR(at: 100 * 512, [(0x83, 1, 10), (0x05, 50, 100)])
    image.putMBR(at: 150 * 512, [(0x83, 1, 10)])
    #expect(image.table().damage.isEmpty)
    #expect(image.table().partitions.map(\.isExtended) == [false, true])
    // The kernel gives an extended partition a size of two sectors.
    let known = KernelPartition(number: 2, range: 100 * 512..<102 * 512)
    #expect(image.table().extent(of: known) == 100 * 512..<4100 * 512)
    let other = KernelPartition(number: 2, range: 101 * 512..<102 * 512)
    #expect(image.table().extent(of: other) == other.range)
    image.putMBR(at: 150 * 512, [(0x83, 1, 10), (0x05, 0, 100)])
    #expect(image.table().damage.map(\.isLoss) == [true], "it leads back")
  }

  @Test func applePartitionMap() {
    var image = Image()
    image.put(Array("ER".utf8) + [2, 0], at: 0)
    let entries: [(start: UInt8, count: UInt8)] = [(1, 63), (64, 100), (200, 255)]
    for (index, entry) in entries.enumerated() {
      let numbers: [UInt8] = [0, 0, 0, 3, 0, 0, 0, entry.start, 0, 0, index == 2 ? 255 : 0, entry.count]
      image.put(Array("PM".utf8) + [0, 0] + numbers, at: (index + 1) * 512)
    }
    let table = image.table()
    #expect(table.kind == .apple && table.isForKernel)
    #expect(ranges(table)[2] == 64 * 512..<164 * 512 as Range<UInt64>)
    #expect(table.areas.map(\.range) == [0..<512, 512..<4 * 512])
    #expect(texts(table) == ["partition 3 goes on beyond the disk's end"] && losesSomething(table))
    image.put([0, 0], at: 2)
    #expect(image.table().kind == .none, "blocks of no bytes")
  }

  @Test func disklabels() {
    for offset in [512, 64] {
      var image = Image()
      image.putBSDLabel(at: offset, [(100, 200, 7), (0, 0, 0), (0, 8192, 0), (400, 100, 1)])
      let table = image.table()
      #expect(table.kind == .bsd)
      #expect(ranges(table) == [1: 100 * 512..<300 * 512 as Range<UInt64>, 4: 400 * 512..<500 * 512])
      let plan = PartitionPlan(disk: 1, table, size: UInt64(Self.size), kernels: [])
      #expect(plan.added.map(\.number) == [1, 4])
      image.bytes[offset + 160] ^= 1
      #expect(image.table().kind != .bsd, "its checksum is wrong")
    }
    var dedicated = Image()
    dedicated.putMBR([(0xa5, 0, 5000)])
    dedicated.putBSDLabel(at: 512, [(0, 8192, 7), (0, 8192, 0)])
    let table = dedicated.table()
    let dummy = KernelPartition(number: 1, range: 0..<5000 * 512)
    let plan = PartitionPlan(disk: 1, table, size: UInt64(Self.size), kernels: [dummy])
    #expect(plan.added.map(\.number) == [5])
    #expect(plan.script.split(separator: "\n").count == 2)
  }

  @Test func whatTheKernelIsGiven() {
    let size: UInt64 = 1 << 20
    func partition(_ number: Int, _ range: Range<UInt64>) -> DiskTable.Partition {
      DiskTable.Partition(number: number, range: range)
    }
    let table = DiskTable(
      kind: .gpt, partitions: [partition(1, 0x8000..<0x10000), partition(2, 0x20000..<0x200000)])
    let plan = PartitionPlan(disk: 1, table, size: size, kernels: [])
    #expect(plan.added == [partition(1, 0x8000..<0x10000), partition(2, 0x20000..<size)])
    #expect(plan.isMeant(whereTheDiskHolds: ""))
    #expect(!plan.isMeant(whereTheDiskHolds: "linux_raid_member"))
    #expect(!plan.isMeant(whereTheDiskHolds: "ext4"), "a filesystem was made over it")
    #expect(
      plan.script == """
        addpart /dev/disk/guestfs/bmapdiskb 1 64 64
        addpart /dev/disk/guestfs/bmapdiskb 2 256 1792

        """)
    let first = KernelPartition(number: 1, range: 0x8000..<0x10000)
    #expect(PartitionPlan(disk: 1, table, size: size, kernels: [first]).added.map(\.number) == [2])
    #expect(plan.missing(in: [first]) == [2])
    let other = KernelPartition(number: 1, range: 0x4000..<0x10000)
    #expect(PartitionPlan(disk: 1, table, size: size, kernels: [other]).added.isEmpty, "the kernel has another table")
    let legacy = DiskTable(kind: .mbr, partitions: table.partitions)
    #expect(PartitionPlan(disk: 1, legacy, size: size, kernels: []).added.isEmpty)
  }

  @Test func sectorSizeOfAVHDX() {
    var image = Image()
    image.put("vhdxfile".utf8, at: 0)
    image.put("regi".utf8, at: 256 << 10)
    image.put(1, at: 256 << 10 + 8, width: 4)
    let region = (256 << 10) + 16
    // The GUIDs in the specification, as Microsoft's tools write them.
    image.put(
      [0x06, 0xa2, 0x7c, 0x8b, 0x90, 0x47, 0xfe, 0x4b, 0xb8, 0xfe, 0x57, 0x5f, 0x05, 0x0f, 0x88, 0x6e], at: region)
    image.put(2 << 20, at: region + 16, width: 8)
    image.put(1, at: 256 << 10 | 8, width: 4)
    image.put("metadata".utf8, at: 2 << 20)
    image.put(1, at: (2 << 20) + 10, width: 2)
    image.put(
      [0x1d, 0xbf, 0x41, 0x81, 0x6f, 0xa9, 0x09, 0x47, 0xba, 0x47, 0xf2, 0x33, 0xa8, 0xfa, 0xab, 0x5f],
      at: (2 << 20) + 32)
    image.put(65536, at: (2 << 20) + 48, width: 4)
    image.put(4096, at: (2 << 20) + 65536, width: 4)
    func read(_ image: Image) -> SectorSize? {
      VHDXMetadata.sectorSize { offset, count in
        guard offset < UInt64(image.bytes.count) else { return [] }
        return Array(image.bytes[Int(offset)...].prefix(count))
      }
    }
    #expect(read(image) == .bytes4096)
    image.put(1234, at: (2 << 20) + 65536, width: 4)
    #expect(read(image) == nil)
    image.put(UInt64.max, at: region + 16, width: 8)
    #expect(read(image) == nil)
  }

  /// Whatever a table contains, reading it ends, and all partitions are on the disk.
  @Test func hostileTables() {
    var random = Seeded(13)
    var mbr = Image()
    mbr.putMBR([(0x05, 10, 100), (0x83, 200, 100), (0x0f, 20, 50)])
    mbr.putMBR(at: 10 * 512, [(0x83, 1, 10), (0x05, 50, 100)])
    var gpt = Image()
    gpt.putGPT(512, [(100, 199)])
    var bsd = Image()
    bsd.putBSDLabel(at: 512, [(100, 200, 7), (400, 100, 1)])
    for start in [mbr, gpt, bsd] {
      for _ in 0..<300 {
        var image = start
        for _ in 0..<1 + Int(random.next() % 6) {
          let bases = [0, 512, 1024, Self.size - 512, 10 * 512]
          let base = bases[Int(random.next() % 5)]
          let values: [UInt8] = [0, 0xff, UInt8(truncatingIfNeeded: random.next())]
          let value = values[Int(random.next() % 3)]
          let count = [1, 4, 8][Int(random.next() % 3)]
          let offset = base + Int(random.next() % 500)
          image.put([UInt8](repeating: value, count: count), at: min(offset, Self.size - 8))
        }
        // Fix the checksums so that the changed fields are used.
        if start.bytes[512] == gpt.bytes[512], random.next() % 2 == 0 {
          image.put(0, at: 512 + 16, width: 4)
          image.put(92, at: 512 + 12, width: 4)
          image.put(UInt64(CRC32.ieee.checksum(image.bytes[512..<604])), at: 512 + 16, width: 4)
        }
        for size in SectorSize.allCases {
          let table = image.table(size)
          let plan = PartitionPlan(disk: 1, table, size: UInt64(Self.size), kernels: [])
          #expect(plan.added.allSatisfy { $0.range.upperBound <= UInt64(Self.size) && !$0.range.isEmpty })
        }
        _ = image.sectorSize
      }
    }
  }
}
