import Glibc
import Testing

@testable import FATVolumes
@testable import GuestWalker

/// The file allocation tables of FAT and exFAT.
@Suite struct AllocationTablesTests {
  /// A boot sector with these little-endian numbers: offset, size in bytes, value.
  private func bootSector(_ fields: (Int, Int, UInt64)...) -> [UInt8] {
    var bytes = [UInt8](repeating: 0, count: 512)
    for (offset, count, value) in fields {
      for byte in 0..<count { bytes[offset + byte] = UInt8(truncatingIfNeeded: value >> (8 * UInt64(byte))) }
    }
    return bytes
  }

  @Test func theRootOfFAT16IsBehindTheTables() throws {
    // Sectors of 512 bytes, 4 of them reserved, two tables of 20 sectors, 512 root entries.
    let boot = bootSector((11, 2, 512), (13, 1, 4), (14, 2, 4), (16, 1, 2), (17, 2, 512), (19, 2, 20_000), (22, 2, 20))
    let volume = try #require(FATVolume(boot))
    let end: UInt64 = 44 * 512
    #expect(volume.endOfTables == end && volume.rootCluster == nil)
    #expect(volume.clusters.start == end + 16_384 && volume.clusters.entry == .fat16)
  }

  @Test func theRootOfFAT32IsAnywhere() throws {
    let boot = bootSector(
      (11, 2, 4096), (13, 1, 1), (14, 2, 32), (16, 1, 2), (32, 4, 300_000), (36, 4, 70_000), (44, 4, 77))
    let volume = try #require(FATVolume(boot))
    #expect(volume.endOfTables == 140_032 * 4096 && volume.rootCluster == 77 && volume.clusters.entry == .fat32)
  }

  /// The clusters of a table at 4096, which is in the middle of what is read at once.
  private func chain(
    _ entry: Clusters.Entry, _ table: [UInt8], from first: UInt64, clusters count: UInt64? = nil, limit: UInt64 = 100
  ) -> [UInt64] {
    let entries = UInt64(table.count) * 8 / (entry == .fat32 ? 32 : entry.rawValue)
    let clusters = Clusters(
      start: 65536, size: 512, count: count ?? entries - 2, table: 4096, entry: entry)
    var reader = AllocationTable(clusters)
    return reader.chain(from: first, limit: limit) { range in
      let device = [UInt8](repeating: 0, count: 4096) + table
      return Array(device[min(Int(range.lowerBound), device.count)..<min(Int(range.upperBound), device.count)])
    }
  }

  private func table(_ entries: [UInt32]) -> [UInt8] {
    entries.flatMap { [$0, $0 >> 8, $0 >> 16, $0 >> 24].map { UInt8(truncatingIfNeeded: $0) } }
  }

  /// The start of a table that mkfs.fat and mtools wrote: a root directory of one cluster, and a file.
  @Test func aChainOfFAT32() {
    let entries: [UInt32] = [0xfff_fff8, 0xfff_ffff, 0xfff_fff8, 4, 5, 0xfff_ffff]
    #expect(chain(.fat32, table(entries), from: 2) == [2])
    #expect(chain(.fat32, table(entries), from: 3) == [3, 4, 5])
    // The upper four bits are reserved on FAT32.
    #expect(chain(.fat32, table([0, 0, 0xffff_fff8, 0x5000_0002]), from: 3) == [3, 2])
    #expect(chain(.exFAT, table([0, 0, 0xffff_fff8, 0x5000_0002]), from: 3) == [3])
    // Loops, and numbers of no cluster.
    #expect(chain(.fat32, table([0, 0, 2]), from: 2).count == 100)
    #expect(chain(.fat32, table([0, 0, 3, 2]), from: 2, limit: 3) == [2, 3, 2])
    for first in [0, 1, 6, .max] as [UInt64] { #expect(chain(.fat32, table(entries), from: first) == []) }
    // The table ends early.
    #expect(chain(.fat32, table([0, 0, 3]), from: 2, clusters: 10) == [2, 3])
  }

  /// As mkfs.fat and mtools wrote them: three files, of which the second has two pieces.
  @Test func chainsOfFAT12AndFAT16() {
    // Entries 0xff8, 0xfff, 3, 0xfff, 6, 0xfff, 7, 0xfff.
    let twelve: [UInt8] = [0xf8, 0xff, 0xff, 0x03, 0xf0, 0xff, 0x06, 0xf0, 0xff, 0x07, 0xf0, 0xff]
    #expect(chain(.fat12, twelve, from: 2) == [2, 3])
    #expect(chain(.fat12, twelve, from: 4) == [4, 6, 7])
    #expect(chain(.fat12, twelve, from: 5) == [5])
    let sixteen: [UInt8] = [0xf8, 0xff, 0xff, 0xff, 3, 0, 0xff, 0xff, 6, 0, 0xff, 0xff, 7, 0, 0xf8, 0xff]
    #expect(chain(.fat16, sixteen, from: 4) == [4, 6, 7])
  }

  /// An entry of FAT12 that is partly in what is read next.
  @Test func anEntryInTwoWindows() {
    let clusters = Clusters(start: 1 << 20, size: 512, count: 4000, table: 65536 - 4, entry: .fat12)
    var device = [UInt8](repeating: 0, count: 1 << 17)
    // Entry 2 is in bytes 3 and 4 of the table.
    device[65535] = 0x45
    device[65536] = 0x01
    var reader = AllocationTable(clusters)
    let next = reader.next(after: 2) { range in Array(device[Int(range.lowerBound)..<Int(range.upperBound)]) }
    #expect(next == 0x145)
  }

  @Test func hostileBytesNeverTrap() {
    let most = [UInt8](repeating: 0xff, count: 512)
    #expect(FATVolume(most) == nil && ExFATVolume(most) == nil)
    for count in [0, 36, 511] {
      #expect(FATVolume(Array(most.prefix(count))) == nil && ExFATVolume(Array(most.prefix(count))) == nil)
    }
    // As large as a volume can be.
    var boot = most
    (boot[11], boot[12], boot[13], boot[22], boot[23]) = (0, 16, 128, 0, 0)
    (boot[19], boot[20]) = (0, 0)
    let volume = FATVolume(boot)
    #expect(volume == nil || (volume?.clusters.end ?? 0) < 1 << 62)
  }

  @Test func whatCannotBeReadIsLeft() throws {
    let scratch = try Scratch()
    let mount = try scratch.mount()
    // The device contains only zeros: no tables.
    #expect(try FAT(mount, method: .read).directory(named: [], in: 0) == [])
    #expect(try ExFAT(mount, method: .read).directory(named: [], in: 0) == [])
    // Tables that extend beyond the end of the device.
    let huge = bootSector(
      (11, 2, 512), (13, 1, 1), (14, 2, 65_535), (16, 1, 2), (17, 2, 16), (22, 2, 65_535), (32, 4, 1 << 31))
    let device = open(mount.devicePath, O_RDWR)
    defer { close(device) }
    #expect(pwrite(device, huge, 512, 0) == 512)
    let end: UInt64 = 3 * 65_535 * 512
    #expect(try FAT(mount, method: .read).directory(named: [], in: 0) == [end..<end + 512])
  }
}
