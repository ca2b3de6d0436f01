import BlockMap
import Testing

@testable import Answers

@Suite struct DifferenceTests {
  /// `CHANGE KIND OLD NEW`, as `changed` orders them; `-` for a name that there is not.
  private func changes(_ old: String, _ new: String) throws -> [String] {
    let difference = Difference(from: try map(old), to: try map(new))
    return difference.changed().map { entry in
      let names = [entry.old.map { difference.old.objects[$0] }, entry.new.map { difference.new.objects[$0] }]
      let kind = (names[1] ?? names[0]).map { String(Unicode.Scalar($0.kind.rawValue)) } ?? ""
      let shown = names.map { $0.map { String(decoding: $0.path ?? $0.device, as: UTF8.self) } ?? "-" }
      return "\(entry.change) \(kind) \(shown[0]) \(shown[1])"
    }
  }

  @Test func everyChange() throws {
    let old = """
      1 0 100000 v /dev/sda
      1 1000 2000 f /dev/sda1 /same
      1 2000 3000 f /dev/sda1 /moved
      1 3000 4000 f /dev/sda1 /grown
      1 4000 5000 f /dev/sda1 /vanished
      1 5000 6000 f /dev/sda1 /old name
      1 5000 6000 f /dev/sda1 /old name 2
      1 6000 7000 d /dev/sda1 /
      1 7000 8000 f /dev/sda1 /becomes-directory
      1 8000 10000 u /dev/sda1
      """
    let new = """
      1 0 100000 v /dev/sda
      1 1000 2000 f /dev/sda1 /same
      1 1000 2000 f /dev/sda1 /link
      1 a000 b000 f /dev/sda1 /moved
      1 3000 4000 f /dev/sda1 /grown
      1 9000 a000 f@1000 /dev/sda1 /grown
      1 b000 c000 f /dev/sda1 /appeared
      1 5000 6000 f /dev/sda1 /new name
      1 5000 6000 f /dev/sda1 /new name 2
      1 5000 6000 f /dev/sda1 /new name 3
      1 6000 7000 d /dev/sda1 /
      1 7000 8000 d /dev/sda1 /becomes-directory
      1 c000 10000 u /dev/sda1
      """
    #expect(
      try changes(old, new) == [
        "size u /dev/sda1 /dev/sda1", "appeared f - /appeared", "appeared d - /becomes-directory",
        "vanished f /becomes-directory -", "size f /grown /grown", "linked f /same /link", "moved f /moved /moved",
        "renamed f /old name /new name", "renamed f /old name 2 /new name 2", "appeared f - /new name 3",
        "vanished f /vanished -",
      ])
    #expect(try changes(old, old) == [])
  }

  /// Where a line of the map ends inside an extent is no difference.
  @Test func divisionsDoNotMatter() throws {
    let joined = "1 1000 4000 f@1000 /dev/sda1 /x\n1 8000 9000 f@4000 /dev/sda1 /x"
    let divided =
      "1 1000 2000 f@1000 /dev/sda1 /x\n1 2000 4000 f@2000 /dev/sda1 /x\n1 8000 9000 f@4000 /dev/sda1 /x"
    #expect(try changes(joined, divided) == [] && changes(divided, joined) == [])
    // The same bytes of the disk, but another place in the file.
    let shifted = "1 1000 4000 f@2000 /dev/sda1 /x\n1 8000 9000 f@5000 /dev/sda1 /x"
    #expect(try changes(joined, shifted) == ["moved f /x /x"])
  }

  /// The new object for each old one, and the other way round.
  @Test func entries() throws {
    let difference = Difference(
      from: try map("1 0 1000 f /dev/sda1 /a\n1 1000 2000 f /dev/sda1 /b\n1 2000 3000 f /dev/sda1 /c"),
      to: try map("1 0 1000 f /dev/sda1 /a\n1 0 1000 f /dev/sda1 /a2\n1 1000 2000 f /dev/sda1 /b2"))
    func old(_ path: String) throws -> Difference.Entry {
      difference.entry(ofOld: try #require(difference.old.objects.find(.file, path)))
    }
    func new(_ path: String) throws -> Difference.Entry {
      difference.entry(ofNew: try #require(difference.new.objects.find(.file, path)))
    }
    #expect(try old("/a") == new("/a") && new("/a").change == .same)
    #expect(try old("/b") == new("/b2") && new("/b2").change == .renamed)
    #expect(try old("/c").change == .vanished && old("/c").new == nil)
    #expect(try new("/a2").change == .linked && new("/a2").old == old("/a").old)
  }

  /// A device that got another name is renamed, with all that is on it.
  @Test func devicesOfAnotherName() throws {
    let lines = "1 0 10000 p /dev/NAME\n1 1000 2000 f /dev/NAME /x\n1 2000 3000 m /dev/NAME journal"
    let found = try changes(
      lines.replacing("NAME", with: "sda1"), lines.replacing("NAME", with: "sda2"))
    #expect(found == ["renamed p /dev/sda1 /dev/sda2", "renamed f /x /x", "renamed m journal journal"])
  }

  /// Many names of the same bytes take no longer than as many files.
  @Test(.timeLimit(.minutes(1))) func manyNames() throws {
    func names(_ prefix: String) -> String {
      (0..<50_000).map { "1 0 1000 f /dev/sda1 /\(prefix)\($0)" }.joined(separator: "\n")
    }
    let difference = Difference(from: try map(names("a")), to: try map(names("b") + "\n1 0 1000 f /dev/sda1 /c"))
    #expect(difference.changed().count { $0.change == .renamed } == 50_000)
    #expect(difference.changed().count { $0.change == .appeared } == 1)
  }

  @Test func mapsOf2014HaveNoOffsets() throws {
    let old = try map(Array("1 0 1000 f /dev/sda1 /x\n1 2000 3000 f /dev/sda1 /x\n".utf8))
    let new = try map("1 0 1000 f /dev/sda1 /x\n1 2000 3000 f@1000 /dev/sda1 /x")
    #expect(Difference(from: old, to: new).changed() == [])
    #expect(Difference.mismatch(of: old, new) == nil)
  }

  @Test func otherDisks() throws {
    let one = try map("1 0 1000 v /dev/sda")
    let larger = try map("1 0 1000 v /dev/sda", header: "# disk 1 size=200000\n")
    let two = try map("1 0 1000 v /dev/sda", header: "# disk 1 size=100000\n# disk 2 size=1000\n")
    #expect(Difference.mismatch(of: one, one) == nil)
    #expect(
      Difference.mismatch(of: one, larger)
        == "disk 1 has 1048576 bytes in the first map and 2097152 in the second one")
    #expect(Difference.mismatch(of: one, two) == "the first map has 1 disk, the second one 2 disks")
  }
}

extension ObjectTable {
  fileprivate func find(_ kind: ObjectKind, _ path: String) -> ObjectID? {
    find(kind: kind, device: Array("/dev/sda1".utf8), path: Array(path.utf8))
  }
}
