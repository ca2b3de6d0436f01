import Answers
import BlockMap
import Testing

/// Every kind of change, on a disk of 16 sectors.
struct ChangedTests {
  @Test func aFileIsCreatedInFreeSpace() throws {
    let report = try TwoStates(
      old: ["0-16 u /dev/sda1"], new: ["0-4 f /dev/sda1 /a", "4-16 u /dev/sda1"],
      oldBytes: "................", newBytes: "abcd............"
    ).report()
    #expect(report.sectors == ["created": 4, "same": 12])
    #expect(report.sectorsOfFiles == ["/a": ["created": 4]])
  }

  @Test func aFileIsDeleted() throws {
    let report = try TwoStates(
      old: ["0-4 f /dev/sda1 /a", "4-16 u /dev/sda1"], new: ["0-16 u /dev/sda1"],
      oldBytes: "abcdz...........", newBytes: "ab...y.........."
    ).report()
    #expect(report.sectors == ["deleted": 4, "trimmed": 1, "freed": 1, "same": 10])
    #expect(report.deleted.map { String(decoding: $0.path, as: UTF8.self) } == ["/a"])
  }

  @Test func partOfAFileIsRewritten() throws {
    let report = try TwoStates(
      old: ["0-8 f /dev/sda1 /a"], new: ["0-8 f /dev/sda1 /a"],
      oldBytes: "abcdefgh........", newBytes: "abXXefgh........"
    ).report(1..<5)
    #expect(report.sectors == ["rewritten": 2, "same": 2])
  }

  @Test func aFileGrowsAtItsEndAndInAHole() throws {
    let report = try TwoStates(
      old: ["0-2 f /dev/sda1 /a", "2-3 f@800 /dev/sda1 /a", "3-16 u /dev/sda1"],
      new: [
        "0-2 f /dev/sda1 /a", "2-3 f@800 /dev/sda1 /a", "5-7 f@400 /dev/sda1 /a", "8-10 f@a00 /dev/sda1 /a",
        "3-5 u /dev/sda1", "7-8 u /dev/sda1", "10-16 u /dev/sda1",
      ],
      oldBytes: "abe.............", newBytes: "abe..cd.fg......"
    ).report()
    #expect(report.sectors == ["same": 12, "grown": 4])
    #expect(report.sectorsOfFiles == ["/a": ["same": 3, "grown": 4]])
  }

  @Test func aFileIsTruncatedAndAHoleIsPunched() throws {
    let report = try TwoStates(
      old: ["0-8 f /dev/sda1 /a", "8-16 u /dev/sda1"],
      new: [
        "0-2 f /dev/sda1 /a", "2-4 u /dev/sda1", "4-6 f@800 /dev/sda1 /a", "6-16 u /dev/sda1",
      ],
      oldBytes: "abcdefgh........", newBytes: "ab.Xef.h........"
    ).report(0..<8)
    #expect(report.sectorsOfFiles == ["/a": ["same": 4, "trimmed": 1, "freed": 1, "truncated": 2]])
  }

  @Test func aFileIsRenamed() throws {
    let report = try TwoStates(
      old: ["0-4 f /dev/sda1 /a"], new: ["0-4 f /dev/sda1 /b", "4-6 f@800 /dev/sda1 /b"],
      oldBytes: "abcd............", newBytes: "abcdef.........."
    ).report(0..<6)
    #expect(report.sectorsOfFiles == ["/b": ["moved": 4, "grown": 2]])
    #expect(report.renamed.map { String(decoding: $0.old + $0.new, as: UTF8.self) } == ["/a/b"])
    #expect(report.deleted.isEmpty)
  }

  @Test func anotherFileAtTheSamePlaceIsNotARename() throws {
    let report = try TwoStates(
      old: ["0-4 f /dev/sda1 /a"], new: ["0-4 f /dev/sda1 /b"],
      oldBytes: "abcd............", newBytes: "Xbcd............"
    ).report(0..<4)
    #expect(report.sectorsOfFiles == ["/b": ["created": 4]])
    #expect(report.renamed.isEmpty)
    #expect(report.deleted.count == 1)
  }

  @Test func aFileGetsAnotherName() throws {
    let report = try TwoStates(
      old: ["0-2 f /dev/sda1 /b"], new: ["0-2 f /dev/sda1 /a", "0-2 f /dev/sda1 /b"],
      oldBytes: "ab..............", newBytes: "aX.............."
    ).report(0..<2)
    #expect(report.linked.map { String(decoding: $0.old + $0.new, as: UTF8.self) } == ["/b/a"])
    #expect(report.sectors == ["same": 1, "rewritten": 1])
  }

  @Test func aFileMovesToOtherBlocks() throws {
    let report = try TwoStates(
      old: ["0-4 f /dev/sda1 /a", "4-16 u /dev/sda1"], new: ["0-8 u /dev/sda1", "8-12 f /dev/sda1 /a"],
      oldBytes: "abcd............", newBytes: "abcd....abXd...."
    ).report(8..<12)
    #expect(report.sectors == ["moved": 3, "rewritten": 1])
  }

  @Test func whatIsNoFile() throws {
    let report = try TwoStates(
      old: [
        "0-2 d /dev/sda1 /", "2-4 m /dev/sda1 inode table", "4-6 s /dev/sda2", "6-8 u /dev/sda1", "8-9 b /dev/sda MBR",
      ],
      new: [
        "0-2 d /dev/sda1 /", "2-4 m /dev/sda1 inode table", "4-6 s /dev/sda2", "6-8 a /dev/sda1 /a",
        "8-9 b /dev/sda MBR",
      ],
      oldBytes: "aabbcc..dz......", newBytes: "aAbBcCX.DZ......"
    ).report(0..<10)
    #expect(
      report.sectors == [
        "directory": 1, "metadata": 2, "swap": 1, "preallocated": 2, "unaccounted": 1, "same": 3,
      ])
    #expect(
      report.metadata.map { "\(String(decoding: $0.name, as: UTF8.self)) \($0.bytes)" } == [
        "MBR 512", "inode table 512",
      ])
  }

  /// Without the disks, bytes that are in the same place count as rewritten.
  @Test func onlyTheMapsAreKnown() throws {
    let states = TwoStates(
      old: ["0-4 f /dev/sda1 /a", "4-8 f /dev/sda1 /b", "8-16 u /dev/sda1"],
      new: ["0-4 f /dev/sda1 /a", "8-12 f /dev/sda1 /b", "4-8 u /dev/sda1", "12-16 u /dev/sda1"],
      oldBytes: "abcdefgh........", newBytes: "abcdefghefgh....")
    let report = try states.report(comparesBytes: false)
    #expect(report.sectors == ["rewritten": 4, "moved": 4, "freed": 8])
  }

  /// A file can have only content, or only preallocated space.
  @Test func preallocatedSpaceBelongsToTheFile() throws {
    let written = try TwoStates(
      old: ["0-4 a /dev/sda1 /a"], new: ["0-2 f /dev/sda1 /a", "2-4 a@400 /dev/sda1 /a"],
      oldBytes: "................", newBytes: "ab.............."
    ).report(0..<4)
    #expect(written.sectors == ["grown": 2, "same": 2])
    let given = try TwoStates(
      old: ["0-2 f /dev/sda1 /a", "2-4 a@400 /dev/sda1 /a"], new: ["0-2 f /dev/sda1 /a", "2-4 u /dev/sda1"],
      oldBytes: "abcd............", newBytes: "ab.............."
    ).report(0..<4)
    #expect(given.sectors == ["same": 2, "truncated": 2])
    let zeroed = try TwoStates(
      old: ["0-4 f /dev/sda1 /a"], new: ["0-2 a /dev/sda1 /a", "2-4 u /dev/sda1"],
      oldBytes: "abcd............", newBytes: "ab.............."
    ).report(0..<4)
    #expect(zeroed.sectors == ["preallocated": 2, "truncated": 2])
    #expect(given.deleted.isEmpty && zeroed.deleted.isEmpty)
  }

  /// Each name of a file counts if it is asked for.
  @Test func oneOfSeveralNames() throws {
    var selection = ObjectSelection()
    selection.setPattern(Array("/b".utf8))
    let names = ["0-4 f /dev/sda1 /a", "0-4 f /dev/sda1 /b"]
    let states = TwoStates(old: names, new: names, oldBytes: "abcd............", newBytes: "abcX............")
    #expect(try states.report(0..<4, selection: selection).sectorsOfFiles == ["/b": ["rewritten": 1, "same": 3]])
    var device = ObjectSelection()
    device.devices = [Array("/dev/sda".utf8)]
    #expect(try states.report(4..<6, selection: device).sectors == ["same": 2])
  }

  /// Without the bytes, a file with a new name was renamed only if all of it is where it was.
  @Test func onlyTheMapsOfARenamedFileAreKnown() throws {
    let renamed = TwoStates(
      old: ["0-4 f /dev/sda1 /a"], new: ["0-4 f /dev/sda1 /b"], oldBytes: "abcd............",
      newBytes: "abcd............")
    #expect(try renamed.report(0..<4, comparesBytes: false).sectors == ["moved": 4])
    let other = TwoStates(
      old: ["0-4 f /dev/sda1 /a"], new: ["0-3 f /dev/sda1 /b", "3-4 u /dev/sda1"], oldBytes: renamed.oldBytes,
      newBytes: renamed.newBytes)
    #expect(try other.report(0..<4, comparesBytes: false).sectors == ["created": 3, "deleted": 1])
  }

  @Test func onlySomeObjectsCount() throws {
    let states = TwoStates(
      old: ["0-4 f /dev/sda1 /a", "4-8 f /dev/sda2 /b", "8-10 m /dev/sda1 log"],
      new: ["0-4 f /dev/sda1 /a", "4-8 f /dev/sda2 /b", "8-10 m /dev/sda1 log"],
      oldBytes: "abcdefghij......", newBytes: "ABcdEFGhIj......")
    func report(_ change: (inout ObjectSelection) -> Void) throws -> [String: UInt64] {
      var selection = ObjectSelection()
      change(&selection)
      return try states.report(0..<10, selection: selection).sectors
    }
    #expect(try report { _ in } == ["rewritten": 5, "same": 4, "metadata": 1])
    #expect(try report { $0.devices = [Array("/dev/sda1".utf8)] } == ["rewritten": 2, "same": 3, "metadata": 1])
    #expect(try report { $0.kinds = [.metadata] } == ["same": 1, "metadata": 1])
    #expect(try report { $0.setPattern(Array("/b*".utf8)) } == ["rewritten": 3, "same": 1])
  }

  /// Whatever the maps say, each byte has one category.
  @Test func theCategoriesAddUp() throws {
    var generator = SplitMix(state: 15)
    for _ in 0..<200 {
      func lines() -> [String] {
        (0..<12).map { _ in
          let start = UInt64.random(in: 0..<15, using: &generator)
          let end = UInt64.random(in: start + 1...16, using: &generator)
          let object = [
            "f /dev/sda1 /a", "f@200 /dev/sda1 /b", "u /dev/sda1", "d /dev/sda1 /", "a /dev/sda1 /a", "m /dev/sda1 log",
          ]
          return "\(start)-\(end) \(object[Int.random(in: 0..<object.count, using: &generator)])"
        }
      }
      func bytes() -> String {
        String(
          (0..<16).map { _ in "ab."[String.Index(utf16Offset: Int.random(in: 0..<3, using: &generator), in: "ab.")] })
      }
      let states = TwoStates(old: lines(), new: lines(), oldBytes: bytes(), newBytes: bytes())
      #expect(try states.report().totals.sum == 16 * TwoStates.sector)
      #expect(try states.report(comparesBytes: false).totals.sum == 16 * TwoStates.sector)
    }
  }
}

private struct SplitMix: RandomNumberGenerator {
  var state: UInt64

  mutating func next() -> UInt64 {
    state &+= 0x9e37_79b9_7f4a_7c15
    var z = state
    z = (z ^ z >> 30) &* 0xbf58_476d_1ce4_e5b9
    z = (z ^ z >> 27) &* 0x94d0_49bb_1331_11eb
    return z ^ z >> 31
  }
}
