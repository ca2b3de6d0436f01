import Testing
import WalkRecord

@testable import BlockStack
@testable import Filesystems
@testable import Mapping
@testable import WalkAssembly

@Suite struct BtrfsUsedDataTests {
  /// A subvolume with the files 257 and 258, and what its tree says of these and of a file that was deleted while it
  /// was open.
  private func finish(_ used: inout BtrfsUsedData, _ data: String, isWhole: Bool = true) throws {
    var walk = WalkAssembler()
    try walk.take(.begin(inodes: 10, bytes: 1 << 20))
    try walk.take(.object(id: 1, parent: 0, kind: .directory, name: []))
    for (id, inode) in [(2, 257), (3, 258)] as [(UInt64, UInt64)] {
      try walk.take(.object(id: id, parent: 1, kind: .file, name: [UInt8(0x60 + id)]))
      try walk.take(.inode(id: id, number: inode))
    }
    if !isWhole { try walk.take(.failure(parent: 1, errno: 5, name: [0x78])) }
    let text = "nodesize 16384\nchunk 0\nlength 1048576 65536 DATA\nstripe 0 devid 1 offset 0\n" + data
    used.finish(try #require(BtrfsTree(parsing: text)), walk)
  }

  private let areas = [
    DeviceArea(name: "fs tree", range: 900..<1000), BtrfsMetadata.data(100..<200), BtrfsMetadata.data(300..<400),
  ]

  private func unreferenced(_ used: BtrfsUsedData?) -> [Range<UInt64>] {
    let result = BtrfsUsedData.unreferenced(areas, used)
    #expect(result.filter { $0.name != "unreferenced data" } == [areas[0]])
    return result.filter { $0.name == "unreferenced data" }.map(\.range)
  }

  @Test func whatNoFileUses() throws {
    var used = BtrfsUsedData()
    used.begin()
    used.begin()
    try finish(&used, "data 257 100 0 50\ndata 258 100 40 20\ndata 260 100 60 40\n")
    // Another subvolume may use the rest.
    #expect(unreferenced(used) == [])
    try finish(&used, "data 258 300 50 50\ndata 258 100 0 10\n")
    #expect(unreferenced(used) == [160..<200, 300..<350])
    #expect(used.ranges == [100..<160, 350..<400])
  }

  @Test func aSubvolumeThatIsNotKnownInWhole() throws {
    var used = BtrfsUsedData()
    used.begin()
    try finish(&used, "data 257 100 0 50\n", isWhole: false)
    #expect(unreferenced(used) == [])
    #expect(unreferenced(nil) == [])
  }
}
