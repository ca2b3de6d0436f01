import BlockMap
import Testing

@testable import Answers

@Suite struct OtherCopiesTests {
  private func copied(_ lines: String, _ list: [Range<UInt64>], disk: Int = 1) throws -> [Range<UInt64>] {
    let header = "# virt-bmap 2\n# disk 1 size=100000 format=raw file=d\n# disk 2 size=100000 format=raw file=e\n"
    return OtherCopies.bytes(of: RangeSet(list), disk: disk, in: try readMap(header + lines)).ranges
  }

  /// The two devices of an array, whose parts begin at different places.
  private static let mirror = """
    1 1000 3000 l /dev/md0
    1 9000 b000 l /dev/md0
    1 1000 2000 f /dev/md0 /file
    1 9000 a000 f /dev/md0 /file

    """

  @Test func mirrors() throws {
    #expect(try copied(Self.mirror, [0x1100..<0x1200]) == [0x1100..<0x1200])
    // Both copies of the same bytes, of which the list has more in one place.
    #expect(try copied(Self.mirror, [0x1100..<0x1200, 0x9180..<0x9280]) == [0x1100..<0x1180, 0x9200..<0x9280])
    #expect(try copied(Self.mirror, [0x1100..<0x1200, 0x9100..<0x9200]) == [])
    // Everything on the array, not only files.
    #expect(try copied(Self.mirror, [0x2000..<0x4000]) == [0x2000..<0x3000])
    #expect(try copied(Self.mirror, [0..<0x100000]) == [])
  }

  /// The list is about one of the disks.
  @Test func copiesOnAnotherDisk() throws {
    let lines = "1 1000 2000 f /dev/sda1 /file\n2 1000 2000 f /dev/sda1 /file\n"
    #expect(try copied(lines, [0..<0x100000], disk: 1) == [0x1000..<0x2000])
    #expect(try copied(lines, [0..<0x100000], disk: 2) == [0x1000..<0x2000])
  }

  /// The copies of a volume need not be cut in the same places.
  @Test func legsInDifferentPieces() throws {
    let lines = "1 1000 2000 l /dev/vg/a\n1 5000 6000 l@1000 /dev/vg/a\n1 8000 a000 l /dev/vg/a\n"
    #expect(try copied(lines, [0x1f00..<0x2000, 0x8f80..<0x9080]) == [0x1f00..<0x1f80, 0x9000..<0x9080])
  }

  /// Btrfs keeps copies of parts of its files: three of them here.
  @Test func filesystemsWithCopies() throws {
    let lines = """
      1 1000 2000 f@4000 /dev/sda1 /file
      1 3000 4000 f@4000 /dev/sda1 /file
      1 5000 6000 f@4000 /dev/sda1 /file
      1 7000 8000 f@5000 /dev/sda1 /file
      1 9000 a000 m@7000 /dev/sda1 fs tree
      1 b000 c000 m@7000 /dev/sda1 fs tree
      1 d000 e000 m /dev/sda1 /file
      1 e000 f000 m /dev/sda1 /file

      """
    #expect(
      try copied(lines, [0x1000..<0x2000, 0x3000..<0x3800, 0x7000..<0x8000])
        == [0x1000..<0x2000, 0x3000..<0x3800])
    #expect(
      try copied(lines, [0x1000..<0x2000, 0x3000..<0x4000, 0x5000..<0x5800]) == [0x1800..<0x2000, 0x3800..<0x4000])
    #expect(try copied(lines, [0x9000..<0xa000]) == [0x9000..<0xa000])
    // Two attributes of a file can both have the offset 0.
    #expect(try copied(lines, [0xd000..<0xf000]) == [])
  }

  /// The data of a compressed extent can reach into the offsets of what has replaced its end.
  @Test func overlapsThatAreNoCopies() throws {
    #expect(try copied("1 1000 3000 f /dev/sda1 /file\n1 5000 6000 f@1000 /dev/sda1 /file\n", [0x2000..<0x3000]) == [])
  }

  @Test func parityDoesNotCount() throws {
    #expect(try copied("1 1000 2000 r /dev/md0\n1 3000 4000 r /dev/md0\n", [0x1000..<0x2000]) == [])
  }

  /// A map without offsets does not tell copies from parts.
  @Test func mapsOf2014() throws {
    let map = try readMap("1 1000 2000 f /dev/sda1 /file\n1 3000 4000 f /dev/sda1 /file\n")
    #expect(OtherCopies.bytes(of: RangeSet([0x1000..<0x2000]), disk: 1, in: map).ranges == [])
  }
}
