import BlockMap
import BlockStack
import Testing

@testable import Filesystems

/// The output of xfs_db 6.1, as the script filters it.
@Suite struct XFSGroupTests {
  /// One line per area: `START END@OFFSET NAME`, in blocks of the group; free space has the name `-`.
  private func lines(_ text: String) -> [String] {
    XFSMetadata.areas(parsing: text).map { area in
      let offset = area.offset == 0 ? "" : "@\(area.offset)"
      #expect((area.name == nil) == (area.kind == .unallocated))
      return "\(area.range.lowerBound) \(area.range.upperBound)\(offset) \(area.name ?? "-")"
    }
  }

  private static let superblock = """
    device = 167772160
    blocksize = 4096
    agblocks = 20480
    agcount = 2
    sectsize = 512
    logstart = 0
    dblocks = 40960
    inodesize = 512
    agblklog = 15
    rbmino = 129
    rsumino = 130

    """

  /// The free list's array, whose used part wraps around.
  private static var list: String {
    let used: [Int: Int] = [117: 10, 118: 7, 0: 8, 1: 9]
    return (0..<119).map { "\($0):\(used[$0] ?? 99)" }.joined(separator: " ")
  }

  private static let groups = """
    ag 0
    flfirst = 117
    fllast = 1
    flcount = 4
    bnobt level 1 block 1 daddr 8
    bnobt level 0 block 30 daddr 240
    rec 13,3
    rec 24,1
    bnobt level 0 block 31 daddr 248
    rec 26,20454
    cntbt level 0 block 2 daddr 16
    rmapbt level 0 block 5 daddr 40
    refcntbt level 0 block 6 daddr 48
    rec 100,2,3,0
    rec 110,4,1,1
    inobt level 0 block 3 daddr 24
    rec 128,0,64,61,0xfffffffffffffff8
    rec 192,0xff0f,16,0,0
    finobt level 0 block 4 daddr 32
    bno[0-118] = \(list)
    ag 1
    flfirst = 0
    fllast = 3
    flcount = 4
    bnobt level 0 block 1 daddr 163848
    rec 13,20467
    inobt level 0 block 3 daddr 163864
    rec 64,61,0xfffffffffffffff8
    bno[0-3] = 0:4 1:null 2:6 3:7

    """

  private static let inodes = """
    inode rbmino
    data 0 0 200 2
    tree 1640
    inode rsumino
    inode uquotino
    data 1 1 300 1
    inode other
    data 0 0 200 2
    end

    """

  private static let group = 20480 * 4096

  /// The line of an area that consists of these blocks of a group.
  private func line(_ blocks: Range<Int>, _ name: String, of group: Int = 0, offset: Int = 0) -> String {
    let start = group * Self.group + blocks.lowerBound * 4096
    let end = group * Self.group + blocks.upperBound * 4096
    return "\(start) \(end)\(offset == 0 ? "" : "@\(offset)") \(name)"
  }

  @Test func headers() {
    let next = Self.group
    let expected: [String] = [
      "0 512 superblock", "512 1024 AGF 0", "1024 1536 AGI 0", "1536 2048 AGFL 0", "2048 4096 AG header padding",
      "\(next) \(next + 512) backup superblock", "\(next + 512) \(next + 1024) AGF 1",
      "\(next + 1024) \(next + 1536) AGI 1", "\(next + 1536) \(next + 2048) AGFL 1",
      "\(next + 2048) \(next + 4096)@2048 AG header padding",
    ]
    #expect(lines(Self.superblock) == expected)
  }

  @Test func groups() {
    let text = Self.superblock + Self.groups + Self.inodes
    var expected: [String] = []
    expected.append(line(1..<2, "bnobt 0"))
    expected.append(line(30..<31, "bnobt 0", offset: 4096))
    expected.append(line(13..<16, "-"))
    expected.append(line(24..<25, "-"))
    expected.append(line(31..<32, "bnobt 0", offset: 8192))
    expected.append(line(26..<20480, "-"))
    expected.append(line(2..<3, "cntbt 0"))
    expected.append(line(5..<6, "rmapbt 0"))
    expected.append(line(6..<7, "refcountbt 0"))
    // The shared extent (100) belongs to files.
    expected.append(line(110..<114, "CoW staging extents"))
    expected.append(line(3..<4, "inobt 0"))
    // 8 inodes in a block. In the sparse chunk, only inodes 208 to 223 exist.
    expected.append(line(16..<24, "inodes", offset: 128 * 512))
    expected.append(line(26..<28, "inodes", offset: 208 * 512))
    expected.append(line(4..<5, "finobt 0"))
    for (index, block) in [10, 7, 8, 9].enumerated() {
      expected.append(line(block..<block + 1, "AGFL blocks 0", offset: index * 4096))
    }
    expected.append(line(1..<2, "bnobt 1", of: 1))
    expected.append(line(13..<20480, "-", of: 1))
    expected.append(line(3..<4, "inobt 1", of: 1))
    // The number of the first inode of group 1 is 1 << 18.
    expected.append(line(8..<16, "inodes", of: 1, offset: ((1 << 18) + 64) * 512))
    for (index, block) in [4, 6, 7].enumerated() {
      expected.append(line(block..<block + 1, "AGFL blocks 1", of: 1, offset: index * 4096))
    }
    expected.append(line(200..<202, "real-time bitmap"))
    expected.append(line(205..<206, "real-time bitmap map"))
    expected.append(line(300..<301, "user quota", of: 1, offset: 4096))
    #expect(Array(lines(text).dropFirst(10)) == expected)
    #expect(XFSMetadata.isComplete(text))
  }

  /// Inodes that were deleted while they were open, from the lists of a group.
  @Test func unlinkedInodes() {
    let text = """
      unlinked 131
      data 8 1 300 2
      attr 0 1 310 1
      tree 1640
      unlinked x
      data 0 0 200 2

      """
    let expected = [
      line(300..<302, "unlinked inode 131", of: 1, offset: 32768), line(310..<311, "unlinked inode 131 map", of: 1),
      line(205..<206, "unlinked inode 131 map", offset: 4096),
    ]
    #expect(Array(lines(Self.superblock + text + "ag 0\ndata 0 0 200 2\n").suffix(3)) == expected)
  }

  @Test func whatLiesBehindTheLastGroupIsFree() {
    let text = Self.superblock.replacing("device = 167772160", with: "device = 167780000")
    #expect(XFSMetadata.areas(parsing: text).last?.range == 167_772_160..<167_780_000)
  }

  /// Headers of 4096 bytes each fill their blocks.
  @Test func largeSectors() {
    let text = Self.superblock.replacing("sectsize = 512", with: "sectsize = 4096")
    #expect(!lines(text).contains { $0.contains("padding") })
  }

  @Test func outputThatWasCutShort() {
    #expect(!XFSMetadata.isComplete(Self.superblock + Self.groups))
    #expect(!XFSMetadata.isComplete(Self.superblock + Self.inodes))
    // xfs_db prints an error instead of a tree whose root is damaged.
    let damaged = Self.groups.replacing("bnobt level 0 block 1 daddr 163848\n", with: "")
    #expect(!XFSMetadata.isComplete(Self.superblock + damaged + Self.inodes))
    #expect(!XFSMetadata.isComplete(""))
  }

  @Test func numbersThatCannotBe() {
    let most = String(UInt64.max)
    let hostile = [
      "rec", "rec ,", "rec \(most),\(most)", "rec \(most),\(most),\(most)", "rec \(most),\(most),\(most),1",
      "rec \(most),\(most),\(most),\(most),\(most)", "rec 0,0", "rec 0x,0xfffffffffffffffff",
      "bno[0-3] = 0:\(most) 1:x 2 3:", "flfirst = \(most)", "flcount = \(most)", "flfirst = -1", "flcount = -1",
      "data \(most) \(most) \(most) \(most)", "data 0 0 0 0", "tree \(most)", "bnobt level 0 block 1 daddr \(most)",
    ]
    for superblock in [Self.superblock, Self.superblock.replacing("512", with: most)] {
      for tree in ["bno", "ino", "refcnt"] {
        for group in ["0", "1", most] {
          let text =
            superblock + "ag \(group)\n\(tree)bt level 0 block 1 daddr 8\nflfirst = 1\nflcount = 2\n"
            + hostile.joined(separator: "\n") + "\ninode rbmino\n" + hostile.joined(separator: "\n")
          #expect(XFSMetadata.areas(parsing: text).allSatisfy { !$0.range.isEmpty })
        }
      }
    }
  }
}
