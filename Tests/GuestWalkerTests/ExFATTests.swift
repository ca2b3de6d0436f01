import FATVolumes
import Glibc
import Testing

@testable import GuestWalker

/// The directory entries and the clusters of exFAT.
@Suite struct ExFATTests {
  /// The root directory of a volume by mkfs.exfat, with files that Linux wrote: `tail` of 5000 bytes and `half` of
  /// 300,000.
  private static let directory =
    bytes(
      """
      8300000000000000000000000000000000000000000000000000000000000000
      810000000000000000000000000000000000000002000000c007000000000000
      820000000dd319e600000000000000000000000003000000cc16000000000000
      8502a3bd20000000805e7e5d805e7e5d805e7e5d4f5080808000000000000000
      c003000431d00000881300000000000000000000060000008813000000000000
      c1007400610069006c0000000000000000000000000000000000000000000000
      8502c92520000000805e7e5d805e7e5d805e7e5d515380808000000000000000
      c00300042f180000e0930400000000000000000008000000e093040000000000
      c100680061006c00660000000000000000000000000000000000000000000000
      """) + [UInt8](repeating: 0, count: 64)

  private static let root = ClusterAllocation(firstCluster: 5, isContiguous: false, length: 256 << 20)

  private static func bytes(_ hex: String) -> [UInt8] {
    let digits = hex.utf8.filter { $0 != 0x0a }.compactMap { Character(Unicode.Scalar($0)).hexDigitValue }
    return stride(from: 0, to: digits.count, by: 2).map { UInt8(digits[$0] << 4 | digits[$0 + 1]) }
  }

  @Test func entriesOfADirectory() {
    #expect(
      ExFATEntry.all(in: Self.directory) == [
        ExFATEntry(
          name: Array("tail".utf8), isDirectory: false,
          allocation: ClusterAllocation(firstCluster: 6, isContiguous: true, length: 5000), validLength: 5000),
        ExFATEntry(
          name: Array("half".utf8), isDirectory: false,
          allocation: ClusterAllocation(firstCluster: 8, isContiguous: true, length: 300_000), validLength: 300_000),
      ])
    var changed = Self.directory
    // A directory that is not contiguous and has been written in part, and a deleted file.
    (changed[100], changed[129], changed[136], changed[192]) = (0x10, 1, 0x10, 0x05)
    #expect(
      ExFATEntry.all(in: changed) == [
        ExFATEntry(
          name: Array("tail".utf8), isDirectory: true,
          allocation: ClusterAllocation(firstCluster: 6, isContiguous: false, length: 5000), validLength: 0x1310)
      ])
  }

  @Test func namesOfSeveralEntries() {
    var set = Array(Self.directory[96..<192]) + Self.directory[160..<192]
    // 17 units, of which two are a surrogate pair at the end of the first entry.
    (set[1], set[35]) = (3, 17)
    for unit in 0..<15 { (set[66 + 2 * unit], set[67 + 2 * unit]) = (0x61, 0) }
    (set[94], set[95]) = (0x3d, 0xd8)
    (set[98], set[99], set[100], set[101]) = (0x00, 0xde, 0xe9, 0)
    #expect(ExFATEntry.all(in: set).map(\.name) == [Array((String(repeating: "a", count: 14) + "\u{1f600}é").utf8)])
    // More units than there are entries.
    set[35] = 31
    #expect(ExFATEntry.all(in: set).isEmpty)
    set[35] = 255
    #expect(ExFATEntry.all(in: set).isEmpty)
  }

  @Test func malformedEntriesAreLeftOut() {
    for count in 0..<Self.directory.count { _ = ExFATEntry.all(in: Array(Self.directory.prefix(count))) }
    #expect(ExFATEntry.all(in: Array(Self.directory.prefix(191))).isEmpty)
    #expect(ExFATEntry.all(in: [UInt8](repeating: 0xff, count: 4096)).isEmpty)
    #expect(ExFATEntry.all(in: [UInt8](repeating: 0x85, count: 4096)).isEmpty)
    var changed = Self.directory
    changed[97] = 255
    changed[193] = 1
    #expect(ExFATEntry.all(in: changed).isEmpty)
  }

  /// A volume of 100 clusters of 4096 bytes with the table at 64 KiB and the clusters at 128 KiB.
  private func clusters(
    _ scratch: Scratch, table: [Int: UInt32] = [:], _ change: (inout [UInt8]) -> Void = { _ in }
  ) throws -> ClusterReader? {
    var boot = [0, 0, 0] + Array("EXFAT   ".utf8) + [UInt8](repeating: 0, count: 501)
    for (offset, value) in [(80, 128), (84, 1), (89, 1), (92, 100), (96, 5), (108, 9), (109, 3), (110, 1)]
      as [(Int, UInt8)]
    {
      boot[offset] = value
    }
    change(&boot)
    let mount = try scratch.mount()
    let device = open(mount.devicePath, O_RDWR)
    defer { close(device) }
    for (cluster, next) in table {
      withUnsafeBytes(of: next.littleEndian) { _ = pwrite(device, $0.baseAddress, 4, 65_536 + 4 * off_t(cluster)) }
    }
    return ExFATVolume(boot).map { ClusterReader(device: mount.device, $0.clusters) }
  }

  @Test func piecesOfFiles() throws {
    let scratch = try Scratch()
    var clusters = try #require(
      try clusters(scratch, table: [10: 11, 11: 20, 20: 21, 21: 0xffff_ffff, 30: 31, 31: 30, 40: 1, 41: 102]))
    func shown(_ first: UInt32, _ range: Range<UInt64>, isContiguous: Bool = false) -> [String] {
      let allocation = ClusterAllocation(firstCluster: first, isContiguous: isContiguous, length: range.upperBound)
      return clusters.pieces(of: allocation, in: range).map {
        "\($0.offset)+\($0.length)@\(($0.physical ?? 0) - 131_072)\($0.isUnwritten ? "" : " written")"
      }
    }
    #expect(shown(10, 0..<16_000) == ["0+8192@32768", "8192+8192@73728"])
    #expect(shown(10, 5000..<9000) == ["5000+3192@37768", "8192+4096@73728"])
    // The chain ends before the file does.
    #expect(shown(10, 8192..<100_000) == ["8192+8192@73728"])
    #expect(shown(10, 5000..<13_000, isContiguous: true) == ["5000+11384@37768"])
    // Chains that go round, and to clusters that do not exist.
    #expect(shown(30, 0..<1 << 20).count == 50)
    #expect(shown(40, 0..<1 << 20) == ["0+4096@155648"])
    #expect(shown(41, 0..<1 << 20) == ["0+4096@159744"])
    for first in [0, 1, 102, .max] as [UInt32] {
      #expect(shown(first, 0..<1 << 20).isEmpty && shown(first, 0..<1 << 20, isContiguous: true).isEmpty)
    }
    #expect(shown(101, 0..<8192, isContiguous: true).isEmpty)
    #expect(shown(10, 0..<UInt64.max).count == 2)
    #expect(shown(10, UInt64.max - 5..<UInt64.max, isContiguous: true).isEmpty)
  }

  @Test func aDirectoryIsRead() throws {
    let scratch = try Scratch()
    var clusters = try #require(try clusters(scratch, table: [5: 0xffff_ffff]))
    let device = open(scratch.path + "/device", O_RDWR)
    defer { close(device) }
    #expect(pwrite(device, Self.directory, Self.directory.count, 131_072 + 3 * 4096) == Self.directory.count)
    let read = clusters.bytes(in: clusters.ranges(of: Self.root))
    #expect(ExFATEntry.all(in: read).map(\.name) == [Array("tail".utf8), Array("half".utf8)])
    // Most of it is beyond the end of the device.
    let large = ClusterAllocation(firstCluster: 5, isContiguous: true, length: 97 * 4096)
    #expect(clusters.bytes(in: clusters.ranges(of: large)).count <= 97 * 4096)
  }

  @Test func aBootSectorThatCannotBeRight() throws {
    let scratch = try Scratch()
    #expect(ExFATVolume([]) == nil)
    #expect(try clusters(scratch) { $0[3] = 0x46 } == nil)
    #expect(try clusters(scratch) { $0[110] = 3 } == nil)
    #expect(try clusters(scratch) { $0[89] = 0 } == nil)
    #expect(try clusters(scratch) { $0[108] = 8 } == nil)
    #expect(try clusters(scratch) { $0[108] = 13 } == nil)
    #expect(try clusters(scratch) { $0[109] = 17 } == nil)
    var most = try #require(
      try clusters(scratch) { boot in
        // Clusters beyond the end of any device.
        for index in 88..<100 { boot[index] = 0xff }
        (boot[108], boot[109]) = (12, 13)
      })
    #expect(most.bytes(in: most.ranges(of: Self.root)).isEmpty)
    #expect(
      most.pieces(of: ClusterAllocation(firstCluster: .max, isContiguous: false, length: .max), in: 0..<1 << 30).count
        <= 1)
  }
}
