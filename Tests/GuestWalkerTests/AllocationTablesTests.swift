import Testing

@testable import GuestWalker

@Suite struct AllocationTablesTests {
  /// A boot sector with these little-endian numbers: offset, size in bytes, value.
  private func bootSector(_ fields: (Int, Int, UInt64)...) -> [UInt8] {
    var bytes = [UInt8](repeating: 0, count: 512)
    for (offset, count, value) in fields {
      for byte in 0..<count { bytes[offset + byte] = UInt8(truncatingIfNeeded: value >> (8 * UInt64(byte))) }
    }
    return bytes
  }

  @Test func theRootOfFAT16IsBehindTheTables() {
    // Sectors of 512 bytes, 4 of them reserved, two tables of 20 sectors, 512 root entries.
    let boot = bootSector((11, 2, 512), (14, 2, 4), (16, 1, 2), (17, 2, 512), (22, 2, 20))
    let tables = AllocationTables(ofFAT: boot)
    let end: UInt64 = 44 * 512
    #expect(tables?.range == 0..<end)
    #expect(tables?.rootDirectory == [end..<end + 16_384])
  }

  @Test func theRootOfFAT32IsAnywhere() {
    let boot = bootSector((11, 2, 4096), (14, 2, 32), (16, 1, 2), (36, 4, 70_000))
    let end: UInt64 = 140_032 * 4096
    #expect(AllocationTables(ofFAT: boot)?.range == 0..<end)
    #expect(AllocationTables(ofFAT: boot)?.rootDirectory == [])
  }

  /// The start of a table that mkfs.fat and mtools wrote: a root directory of one cluster, and a file.
  @Test func aChainOfFAT32() {
    let table: [UInt32] = [0xfff_fff8, 0xfff_ffff, 0xfff_fff8, 4, 5, 0xfff_ffff]
    func ranges(_ first: UInt64, _ table: [UInt32], clusterBytes: UInt64 = 512) -> [Range<UInt64>] {
      ClusterChain(
        first: first, table: 16384..<16384 + UInt64(table.count) * 4, clusters: 65536, clusterBytes: clusterBytes
      ).ranges { offset in
        let index = Int(offset - 16384) / 4
        return index < table.count ? table[index] : nil
      }
    }
    #expect(ranges(2, table) == [65536..<66048])
    #expect(ranges(3, table) == [66048..<67584])
    #expect(ranges(3, [0, 0, 0xffff_fff8, 2]) == [66048..<66560, 65536..<66048])
    // Loops, numbers of no cluster, and a size of zero.
    #expect(ranges(2, [0, 0, 2]).count == 4096)
    #expect(ranges(2, [0, 0, 3, 2], clusterBytes: 1 << 20).count == 1)
    #expect(ranges(0, table) == [] && ranges(6, table) == [] && ranges(2, table, clusterBytes: 0) == [])
  }

  @Test func exFATSaysWhereItsTablesAre() {
    let boot = bootSector((80, 4, 128), (84, 4, 64), (108, 1, 9))
    #expect(AllocationTables(ofExFAT: boot)?.range == 65_536..<98_304)
    #expect(AllocationTables(ofExFAT: boot)?.rootDirectory == [])
  }

  @Test func hostileBytesNeverTrap() {
    let most = [UInt8](repeating: 0xff, count: 512)
    #expect(AllocationTables(ofFAT: most) != nil && AllocationTables(ofExFAT: most) != nil)
    for count in [0, 36, 511] {
      #expect(AllocationTables(ofFAT: Array(most.prefix(count))) == nil)
      #expect(AllocationTables(ofExFAT: Array(most.prefix(count))) == nil)
    }
  }

  @Test func whatCannotBeReadIsLeft() throws {
    let scratch = try Scratch()
    let mount = try scratch.mount()
    // The device contains only zeros: no tables.
    #expect(try FAT(mount, method: .read).directory(named: [], in: 0) == [])
    #expect(try AllocationTables.readIntoCache(of: mount) { AllocationTables(ofFAT: $0) }?.range == 0..<0)
    // Tables that extend beyond the end of the device.
    let huge = bootSector((11, 2, 512), (14, 2, 65_535), (16, 1, 2), (17, 2, 16), (22, 2, 65_535))
    let found = try AllocationTables.readIntoCache(of: mount) { _ in AllocationTables(ofFAT: huge) }
    #expect(found?.rootDirectory.isEmpty == false)
  }
}
