import Testing

@testable import Appliance

/// Names of subvolumes may contain any byte except a slash and NUL, and `btrfs subvolume list` does not escape them.
struct BtrfsSubvolumesTests {
  private static func parse(_ ids: [UInt64], _ list: String, mounted: String = "FS_TREE") -> BtrfsSubvolumes {
    let references = ids.map { "ref FS_TREE \($0)\n" }.joined()
    return BtrfsSubvolumes(parsing: Array("default \(mounted)\n\(references)list\n\(list)".utf8))
  }

  private static func path(_ subvolumes: BtrfsSubvolumes, _ id: UInt64) -> String? {
    subvolumes.paths[id].map { String(decoding: $0, as: UTF8.self) }
  }

  @Test func ordinaryNames() {
    let found = Self.parse(
      [256, 257], "ID 256 gen 11 top level 5 path home\nID 257 gen 8 top level 256 path home/a  b\n", mounted: "256")
    #expect(found.paths.count == 2 && found.unclear == [])
    #expect(Self.path(found, 256) == "home" && Self.path(found, 257) == "home/a  b")
    #expect(found.defaultID == 256 && found.isWhole)
  }

  @Test func theTopLevelIsMounted() {
    #expect(Self.parse([256], "ID 256 gen 11 top level 5 path home\n").defaultID == BtrfsSubvolumes.top)
  }

  /// The second line of the name may look like anything.
  @Test(arguments: [
    "line", "", "ID 300 gen 1 top level 5 path x", "ID 257 gen 1 top level 5 path x", "ID 256 gen 1 top level 5 path x",
    "ID 257 gen 1 top level 5 path ", "list", "ref FS_TREE 400", "default 257",
  ])
  func aNewlineInAName(second: String) {
    let found = Self.parse(
      [256, 257, 258],
      """
      ID 256 gen 11 top level 5 path new
      \(second)
      ID 257 gen 8 top level 5 path other
      ID 258 gen 8 top level 5 path last

      """)
    #expect(found.unclear.contains(256), "\(found)")
    #expect(found.paths[256] == nil)
    #expect(Self.path(found, 258) == "last")
    // The other subvolume's path is right or unclear, never wrong.
    #expect(Self.path(found, 257) == "other" || found.unclear.contains(257))
    #expect(found.defaultID == BtrfsSubvolumes.top)
  }

  @Test func oneThatIsNotInTheList() {
    #expect(Self.parse([256, 257], "ID 256 gen 11 top level 5 path a\n").unclear == [257])
  }

  @Test func pathsByNumber() {
    var found = Self.parse([256, 257], "ID 256 gen 11 top level 5 path new\nline\nID 257 gen 8 top level 5 path b\n")
    found.add(resolved: Array("path 256 6e65770a6c696e650a\npath 257 780a\npath 999 780a\npath 258 \n".utf8))
    #expect(found.unclear == [])
    #expect(Self.path(found, 256) == "new\nline" && Self.path(found, 257) == "b" && found.paths.count == 2)
  }

  @Test func withoutTheTreeOfRoots() {
    let found = BtrfsSubvolumes(parsing: Array("list\nID 256 gen 11 top level 5 path a\n".utf8))
    #expect(!found.isWhole && Self.path(found, 256) == "a")
    #expect(BtrfsSubvolumes(parsing: []).paths == [:])
  }
}
