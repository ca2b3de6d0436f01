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
    #expect(tables?.rootDirectory == end..<end + 16_384)
  }

  @Test func theRootOfFAT32IsAnywhere() {
    let boot = bootSector((11, 2, 4096), (14, 2, 32), (16, 1, 2), (36, 4, 70_000))
    let end: UInt64 = 140_032 * 4096
    #expect(AllocationTables(ofFAT: boot)?.range == 0..<end)
    #expect(AllocationTables(ofFAT: boot)?.rootDirectory == nil)
  }

  @Test func exFATSaysWhereItsTablesAre() {
    let boot = bootSector((80, 4, 128), (84, 4, 64), (108, 1, 9))
    #expect(AllocationTables(ofExFAT: boot)?.range == 65_536..<98_304)
    #expect(AllocationTables(ofExFAT: boot)?.rootDirectory == nil)
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
    #expect(try FAT(mount, method: .read).rootDirectory == nil)
    #expect(try AllocationTables.readIntoCache(of: mount) { AllocationTables(ofFAT: $0) }?.range == 0..<0)
    // Tables that extend beyond the end of the device.
    let huge = bootSector((11, 2, 512), (14, 2, 65_535), (16, 1, 2), (17, 2, 16), (22, 2, 65_535))
    let found = try AllocationTables.readIntoCache(of: mount) { _ in AllocationTables(ofFAT: huge) }
    #expect(found?.rootDirectory != nil)
  }
}
