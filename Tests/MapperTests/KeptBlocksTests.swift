import Testing

@testable import Mapper

/// What debugfs and xfs_db print about inodes, as the scripts leave it.
@Suite struct KeptBlocksTests {
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
    let found = ExtKeptBlocks.blocks(parsing: text, inodes: [12, 13, 17, 18])
    #expect(
      found.map { [$0.inode, $0.range.lowerBound / 1024, $0.isContent ? 1 : 0] } == [
        [12, 2333, 0], [13, 2328, 1], [17, 8451, 0], [17, 10241, 1], [18, 7, 0], [18, 20, 0], [18, 21, 0],
      ])
    #expect(found.allSatisfy { $0.range.count == 1024 && $0.offset == 0 })
    // An answer that was not asked for may come out of a link's target.
    #expect(ExtKeptBlocks.blocks(parsing: text, inodes: [12, 17]).map(\.inode) == [12])
    #expect(ExtKeptBlocks.questions(about: [12, 13]) == "stat <12>\nstat <13>\n")
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
      end
      """
    #expect(
      XFSKeptBlocks.blocks(parsing: text, inodes: [131, 132]) == [
        KeptBlock(inode: 131, range: 40960..<45056),
        KeptBlock(inode: 132, range: 20495 * 4096..<20496 * 4096, isContent: true),
        KeptBlock(inode: 132, range: 20500 * 4096..<20503 * 4096, offset: 8192),
      ])
    #expect(XFSKeptBlocks.blocks(parsing: text, inodes: [132]) == [])
    // Of the last one there may be more.
    #expect(XFSKeptBlocks.blocks(parsing: String(text.dropLast(4)), inodes: [131, 132]).map(\.inode) == [131])
  }

  @Test func numbersThatDoNotFit() {
    let large = UInt64.max
    #expect(
      ExtKeptBlocks.blocks(parsing: "block size: 4096\ninode 5\nacl \(large)\n(IND):\(large >> 12)", inodes: [5]) == [])
    #expect(ExtKeptBlocks.blocks(parsing: "block size: 0\ninode 5\nacl 4", inodes: [5]) == [])
    let xfs =
      "blocksize: 4096\nagblocks: \(large)\ninode 5\nattr 0 3 4 5\nattr \(large) 0 0 1\nattr 0 0 1 \(large)\nend"
    #expect(XFSKeptBlocks.blocks(parsing: xfs, inodes: [5]) == [])
    #expect(
      XFSKeptBlocks.blocks(parsing: "", inodes: [5]) == [] && ExtKeptBlocks.blocks(parsing: "", inodes: [5]) == [])
  }
}
