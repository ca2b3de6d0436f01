import BlockMap
import FileProof
import Foundation
import SystemPackage
import Testing

@testable import Verification

/// Ranges of a map that are both in use and unallocated.
@Suite struct UnallocatedOverlapsTests {
  private func overlaps(_ lines: [String]) throws -> (UnallocatedOverlaps, BlockMap) {
    let path = FilePath(NSTemporaryDirectory()).appending("bmap-\(UUID().uuidString)")
    let header = "# virt-bmap 2\n# disk 1 size=100000 format=raw file=a\n# disk 2 size=100000 format=raw file=b\n"
    try Data((header + lines.map { $0 + "\n" }.joined()).utf8).write(to: URL(filePath: path.string))
    defer { try? FileManager.default.removeItem(atPath: path.string) }
    let map = try BlockMap(contentsOf: path)
    return (UnallocatedOverlaps(map), map)
  }

  /// Each overlap as `KIND DEVICE PATH: REASON`.
  private func shown(_ lines: [String]) throws -> [String] {
    let (overlaps, map) = try overlaps(lines)
    #expect(overlaps.unlisted == 0 && overlaps.counts.reduce(0) { $0 + $1.count } == overlaps.listed.count)
    return overlaps.listed.map { overlap in
      let object = map.objects[overlap.object]
      let path = object.path.map { " " + String(decoding: $0, as: UTF8.self) } ?? ""
      return "\(Character(Unicode.Scalar(object.kind.rawValue))) \(String(decoding: object.device, as: UTF8.self))"
        + "\(path): \(overlap.reason)"
    }
  }

  @Test func aMapThatIsRight() throws {
    #expect(
      try shown([
        "1 0 100000 v /dev/sda", "1 1000 80000 p /dev/sda1", "1 1000 2000 m /dev/sda1 superblock",
        "1 2000 5000 u /dev/sda1", "1 5000 6000 f /dev/sda1 /a", "1 6000 7000 a@1000 /dev/sda1 /a",
        "1 7000 8000 u /dev/sda1", "1 8000 9000 d /dev/sda1 /", "1 80000 100000 u /dev/sda",
        // What is free on one device may be in use on another, as for the members of a volume group.
        "1 2000 5000 f /dev/vg/lv /b", "2 2000 5000 f /dev/sda1 /c",
      ]) == [])
    #expect(try shown(["1 5000 6000 f /dev/sda1 /a"]) == [])
    #expect(try shown([]) == [])
  }

  @Test func eachKindThatIsInUse() throws {
    #expect(
      try shown([
        "1 10000 20000 u /dev/sda1", "1 18000 30000 u /dev/sda1",
        // The first byte of it, the last one, and everything.
        "1 f000 10001 f /dev/sda1 /before", "1 2ffff 31000 d /dev/sda1 /behind",
        "1 9000 50000 m /dev/sda1 inode table", "1 11000 12000 a@8000 /dev/sda1 /a", "1 20000 21000 s /dev/sda1",
        "1 22000 23000 b /dev/sda1 boot block", "1 24000 25000 r /dev/sda1",
        "1 26000 27000 f btrfsvol:/dev/sda1/sub/vol /in a subvolume", "1 27000 28000 f btrfsvol:/dev/sda12/sub /other",
        "1 8000 9000 f /dev/sda1 /elsewhere", "1 f000 10000 f /dev/sda1 /touches",
      ]) == [
        "m /dev/sda1 inode table: disk 1 at 10000 is also unallocated",
        "f /dev/sda1 /before: disk 1 at 10000 is also unallocated",
        "a /dev/sda1 /a: disk 1 at 11000 is also unallocated",
        "s /dev/sda1: disk 1 at 20000 is also unallocated",
        "b /dev/sda1 boot block: disk 1 at 22000 is also unallocated",
        "r /dev/sda1: disk 1 at 24000 is also unallocated",
        "f btrfsvol:/dev/sda1/sub/vol /in a subvolume: disk 1 at 26000 is also unallocated",
        "d /dev/sda1 /behind: disk 1 at 2ffff is also unallocated",
      ])
  }

  /// However many overlaps a map has, the list is short, and none is uncounted.
  @Test func theListIsBounded() throws {
    let count = UnallocatedOverlaps.maximumListed + 500
    let lines = (0..<count).flatMap { number in
      let start = number * 0x100
      let (from, to) = (String(start, radix: 16), String(start + 0x80, radix: 16))
      return ["1 \(from) \(to) u /dev/sda1", "1 \(from) \(to) f /dev/sda1 /\(number)"]
    }
    let (overlaps, _) = try overlaps(lines)
    #expect(overlaps.listed.count == UnallocatedOverlaps.maximumListed && overlaps.unlisted == 500)
    #expect(overlaps.counts.map(\.count) == [count])
  }
}
