import BlockMap
import BlockStack
import Testing

@testable import Filesystems

/// The output of dumpe2fs 1.47, as the script filters it.
@Suite struct ExtFreeSpaceTests {
  private func free(_ text: String) -> [Range<UInt64>] {
    ExtMetadata.areas(parsing: text).filter { $0.kind == .unallocated }.map(\.range)
  }

  private func kibibytes(_ ranges: [Range<UInt64>]) -> [Range<UInt64>] {
    ranges.map { $0.lowerBound << 10..<$0.upperBound << 10 }
  }

  /// Blocks of 1 KiB, so that block 0 is before the first group; some groups have no bitmap yet (BLOCK_UNINIT).
  private static let small = """
    Device size: 73400320
    features has_journal ext_attr resize_inode dir_index filetype extent 64bit flex_bg sparse_super metadata_csum
    Block count: 71680
    Block size: 1024
    Group descriptor size: 64
    Reserved GDT blocks: 256
    Blocks per group: 8192
    Inodes per group: 1992
    Inode size: 256
    Journal inode: 8
    0:1:1:2-2:259:268:277
    1:8193:8193:8194-8194:260:269:775
    2:16385:-1:-1:261:270:1273
    inode 8
    (0-4095):32769-36864
    inode 7
    (DIND):4772
    free 4773-8192
    free 8451-16384
    free 16385-24576

    """

  @Test func groupsThatMeetAreOneRange() {
    #expect(free(Self.small) == kibibytes([4773..<8193, 8451..<24577]))
    #expect(ExtMetadata.isComplete(Self.small))
  }

  @Test func severalRangesInAGroupAndNone() {
    let text = "Block size: 4096\n0:0:0:1-1:2:3:4\n1:32768:-1:-1:2:3:4\nfree 9001, 9010-9012\nfree \n"
    #expect(free(text) == kibibytes([36004..<36008, 36040..<36052]))
    #expect(ExtMetadata.isComplete(text))
  }

  /// With `bigalloc`, dumpe2fs prints the first block of each cluster.
  @Test func clusters() {
    let text = """
      Device size: 314572800
      features has_journal extent 64bit flex_bg bigalloc
      Block count: 307190
      Block size: 1024
      Cluster size: 16384
      0:0:1:2-2:152:155:158
      free 5008-131056
      free 262144, 262176-307184

      """
    // The last cluster is cut short by the end of the filesystem, which is before the end of the device.
    let expected: [Range<UInt64>] = [
      5008..<131_072, 262_144..<262_160, 262_176..<307_190, 307_190..<307_200,
    ]
    #expect(free(text) == kibibytes(expected))
  }

  @Test func whatLiesBehindTheFilesystemIsFree() {
    #expect(free("Device size: 73401000\nBlock count: 71680\nBlock size: 1024") == [73_400_320..<73_401_000])
    #expect(free("Device size: 73400320\nBlock count: 71680\nBlock size: 1024").isEmpty)
    // A filesystem that is larger than its device.
    #expect(free("Device size: 512\nBlock count: 71680\nBlock size: 1024").isEmpty)
  }

  /// dumpe2fs prints no list of free blocks if a bitmap's checksum is wrong.
  @Test func missingLists() {
    let text = Self.small.replacing("free 16385-24576\n", with: "")
    #expect(!ExtMetadata.isComplete(text))
  }

  /// Deleted inodes that were still open, from the superblock's list. `(ACL)` is the block of attributes.
  @Test func orphans() {
    let text = """
      Block size: 1024
      First orphan inode: 12
      0:1:1:2-2:259:268:277
      inode 5
      (0):40
      orphan 12
      (ACL):44
      (ETB0):5992, (0-958):4773-5731, (1186-1218):5956-5988
      orphan 13
      (0-13):6001-6014
      orphan x
      (0):9
      free 4773-8192

      """
    let areas = ExtMetadata.areas(parsing: text).filter { $0.kind == .metadata && $0.range.lowerBound >= 40 << 10 }
    let named = areas.filter { $0.name?.hasPrefix("boot") == true || $0.name?.hasPrefix("orphan") == true }
    let names: [String?] = [
      "boot loader", "orphan inode 12 map", "orphan inode 12 map", "orphan inode 12", "orphan inode 12",
      "orphan inode 13",
    ]
    #expect(named.map(\.name) == names)
    let starts: [UInt64] = [40, 44, 5992, 4773, 5956, 6001]
    #expect(named.map { $0.range.lowerBound >> 10 } == starts)
    let offsets: [UInt64] = [0, 0, 1, 0, 1186, 0]
    #expect(named.map { $0.offset >> 10 } == offsets)
  }

  @Test func numbersThatCannotBe() {
    let most = String(UInt64.max)
    for list in ["0-\(most)", most, "\(most)-\(most)", "7-3", "-", "x", "1-2-3", ",,", "18446744073709551615-1"] {
      for cluster in ["1024", most, "0"] {
        let text =
          "Device size: \(most)\nBlock count: \(most)\nBlock size: 1024\nCluster size: \(cluster)\nfree \(list)"
        #expect(free(text).isEmpty, "\(text)")
      }
    }
  }
}
