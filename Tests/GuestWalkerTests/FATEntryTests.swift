import Testing

@testable import GuestWalker

/// The directory entries of FAT.
@Suite struct FATEntryTests {
  /// A directory by mtools: `sub`, `FILE`, `A longer name` and `another Directory`.
  private static let directory =
    bytes(
      """
      2e20202020202020202020100000e1be7e5d7e5d0000e1be7e5d020000000000
      2e2e202020202020202020100000e1be7e5d7e5d0000e1be7e5d000000000000
      5355422020202020202020100800e1be7e5d7e5d0000e1be7e5d030000000000
      46494c4520202020202020200000e1be7e5d7e5d0000e1be7e5d060002000000
      41410020006c006f006e000f00ed67006500720020006e00610000006d006500
      414c4f4e47457e31202020200000e1be7e5d7e5d0000e1be7e5d050002000000
      4274006f007200790000000f00dcffffffffffffffffffffffff0000ffffffff
      0161006e006f00740068000f00dc650072002000440069007200000065006300
      414e4f5448457e31202020100000e1be7e5d7e5d0000e1be7e5d040000000000
      """) + [UInt8](repeating: 0, count: 64)

  private static func bytes(_ hex: String) -> [UInt8] {
    let digits = hex.utf8.filter { $0 != 0x0a }.compactMap { Character(Unicode.Scalar($0)).hexDigitValue }
    return stride(from: 0, to: digits.count, by: 2).map { UInt8(digits[$0] << 4 | digits[$0 + 1]) }
  }

  @Test func entriesOfADirectory() {
    let all = [(true, 3), (false, 6), (false, 5), (true, 4)].map { FATEntry(isDirectory: $0.0, firstCluster: $0.1) }
    #expect(FATEntry.all(in: Self.directory, isFAT32: false) == all)
    #expect(FATEntry.all(in: Self.directory, isFAT32: true) == all)
    var changed = Self.directory
    // A deleted file, an entry that was never used before one that is, and the name of the volume.
    (changed[96], changed[64], changed[171]) = (0xe5, 0, 0x28)
    #expect(FATEntry.all(in: changed, isFAT32: false) == [all[3]])
  }

  @Test func numbersOfFAT32() {
    var changed = Self.directory
    (changed[84], changed[85]) = (0xff, 0x0f)
    #expect(FATEntry.all(in: changed, isFAT32: true).first?.firstCluster == 0xfff_0003)
    #expect(FATEntry.all(in: changed, isFAT32: false).first?.firstCluster == 3)
  }

  @Test func anyBytes() {
    for count in 0..<Self.directory.count {
      #expect(FATEntry.all(in: Array(Self.directory.prefix(count)), isFAT32: true).count <= 4)
    }
    #expect(FATEntry.all(in: [UInt8](repeating: 0xff, count: 4096), isFAT32: true).isEmpty)
    #expect(FATEntry.all(in: [UInt8](repeating: 0x51, count: 4096), isFAT32: true).count == 128)
  }
}
