import Testing

@testable import Filesystems
@testable import WalkAssembly

/// Parsing the output of debugfs and xfs_db about inodes, as filtered by the scripts.
@Suite struct InodeBlocksTests {
  @Test func ext() {
    let text = """
      block size: 1024
      inode 12
      acl 2333
      end
      (0):5
      inode 13
      acl 0
      (0):2328
      inode 17
      acl 0
      (ETB0):8451
      (0):10241
      inode 18
      acl 7
      (IND):20
      (DIND):21
      """
    let found = ExtInodeBlocks.blocks(parsing: text, inodes: [12, 13, 17, 18])
    #expect(
      found.map { [$0.inode, $0.range.lowerBound / 1024, $0.isContent ? 1 : 0] } == [
        [12, 2333, 0], [13, 2328, 1], [17, 8451, 0], [17, 10241, 1], [18, 7, 0], [18, 20, 0], [18, 21, 0],
      ])
    #expect(found.allSatisfy { $0.range.count == 1024 && $0.offset == 0 })
    // Answers about other inodes are ignored: a link's target may look like an answer.
    #expect(ExtInodeBlocks.blocks(parsing: text, inodes: [12, 17]).map(\.inode) == [12])
    #expect(ExtInodeBlocks.questions(about: [12, 13]) == "stat <12>\nstat <13>\n")
  }

  /// Inodes that hold attribute values. Inodes 12 and 13 share one.
  @Test func extValuesInInodes() {
    let text = """
      block size: 1024
      inode 12
      acl 40
      end
      inode 13
      acl 0
      (0):20
      owner 12
      value 30
      value 30
      value 31
      owner 13
      value 30
      value 32
      holder 30
      flags 280000
      piece (0-2):8705-8707
      piece (3):9000
      piece (ETB0):9001
      holder 31
      flags 80000
      piece (0):7
      holder 32
      flags 200000
      piece (IND):9100
      piece (0-4096):20000-24096
      piece (2000):30000
      piece (0):0
      """
    let found = ExtInodeBlocks.blocks(parsing: text, inodes: [12, 13])
    #expect(
      found.map { [$0.inode, $0.range.lowerBound / 1024, UInt64($0.range.count) / 1024, $0.offset / 1024] } == [
        [12, 40, 1, 0], [13, 20, 1, 0], [12, 8705, 3, 0], [13, 8705, 3, 0], [12, 9000, 1, 3], [13, 9000, 1, 3],
        [12, 9001, 1, 0], [13, 9001, 1, 0], [13, 9100, 1, 0],
      ])
  }

  /// If many files share blocks, the result is limited to about a million entries.
  @Test func extValuesOfVeryManyFiles() {
    let owners = (1...2000).map { "owner \($0)\nvalue 5\n" }.joined()
    let pieces = (0..<1000).map { "piece (\($0)):\(2 * $0 + 100)\n" }.joined()
    let text = "block size: 1024\n\(owners)holder 5\nflags 200000\n\(pieces)"
    #expect(ExtInodeBlocks.blocks(parsing: text, inodes: []).count == 1 << 20)
  }

  @Test func xfsQuestions() {
    #expect(
      XFSInodeBlocks.questions(about: [5, 6]) { $0 == 6 } == """
        sb 0
        p blocksize agblocks
        echo inode 5
        inode 5
        bmap -d
        bmap -a
        btdump -i
        btdump -a -i
        echo inode 6
        inode 6
        btdump -i
        btdump -a -i
        echo end

        """)
  }

  @Test func xfs() {
    let text = """
      blocksize: 4096
      agblocks: 20480
      inode 131
      attr 0 0 10 1
      inode 132
      data 0 1 15 1
      attr 2 1 20 3
      tree 9112
      end
      """
    #expect(
      XFSInodeBlocks.blocks(parsing: text, inodes: [131, 132]) == [
        InodeBlock(inode: 131, range: 40960..<45056),
        InodeBlock(inode: 132, range: 20495 * 4096..<20496 * 4096, isContent: true),
        InodeBlock(inode: 132, range: 20500 * 4096..<20503 * 4096, offset: 8192),
        InodeBlock(inode: 132, range: 9112 * 512..<9112 * 512 + 4096),
      ])
    #expect(XFSInodeBlocks.blocks(parsing: text, inodes: [132]) == [])
    // Without the final `end`, the last inode's answer may be incomplete and is ignored.
    #expect(XFSInodeBlocks.blocks(parsing: String(text.dropLast(4)), inodes: [131, 132]).map(\.inode) == [131])
  }

  @Test func numbersThatDoNotFit() {
    let large = UInt64.max
    #expect(
      ExtInodeBlocks.blocks(parsing: "block size: 4096\ninode 5\nacl \(large)\n(IND):\(large >> 12)", inodes: [5]) == []
    )
    let values = "owner 5\nvalue 6\nholder 6\nflags 200000\npiece (\(large)):5\npiece (0):\(large)\n"
    #expect(
      ExtInodeBlocks.blocks(
        parsing: "block size: 4096\n\(values)piece (0-\(large)):0-\(large)\npiece (1):\npiece :1", inodes: [5]) == [])
    #expect(ExtInodeBlocks.blocks(parsing: "block size: 0\ninode 5\nacl 4", inodes: [5]) == [])
    let xfs =
      "blocksize: 4096\nagblocks: \(large)\ninode 5\nattr 0 3 4 5\nattr \(large) 0 0 1\nattr 0 0 1 \(large)"
      + "\ntree \(large)\ntree \(large >> 9)\ntree 0\ntree\nend"
    #expect(XFSInodeBlocks.blocks(parsing: xfs, inodes: [5]) == [])
    #expect(
      XFSInodeBlocks.blocks(parsing: "", inodes: [5]) == [] && ExtInodeBlocks.blocks(parsing: "", inodes: [5]) == [])
  }
}
