import BlockMap
import Testing

@testable import Answers

@Suite struct AffectedTests {
  private static let text = """
    # virt-bmap 2
    # disk 1 size=10000 format=raw file=d
    # disk 2 size=1000 format=raw file=e
    1 0 200 b /dev/sda MBR
    1 0 10000 v /dev/sda
    1 1000 9000 p /dev/sda1
    1 1000 2000 m /dev/sda1 superblock
    1 2000 4000 f /dev/sda1 /large
    1 2000 4000 f /dev/sda1 /large-too
    1 3000 5000 f /dev/sda1 /other
    1 5000 5800 a@2000 /dev/sda1 /other
    1 6000 7000 u /dev/sda1
    1 7000 8000 f@100 /dev/sda1 /in-metadata
    1 7000 9000 m /dev/sda1 inodes
    1 a000 b000 z /dev/sda1 later
    2 0 1000 v /dev/sdb

    """

  /// `KIND PATH-OR-DEVICE: bytes of size from offset, lost`
  private func rows(_ affected: Affected, _ map: BlockMap) -> [String] {
    affected.hits.map { hit in
      let name = hit.object.map { id in
        String(decoding: map.objects[id].path ?? map.objects[id].device, as: UTF8.self)
      }
      return "\(hit.use.name) \(name ?? "-"): \(hit.bytes) of \(hit.size.map(String.init) ?? "-") from "
        + "\(hit.offset.map(String.init) ?? "-"), \(hit.lost) lost"
    }
  }

  @Test func objectsAndTotals() throws {
    let map = try readMap(Self.text)
    let affected = Affected(map, ranges: [0x100..<0x300, 0x3800..<0x4800, 0x5000..<0x8000], disk: 1)
    #expect(
      rows(affected, map)
        == [
          "files /other: 4096 of 8192 from 2048, 4096 lost",
          "free /dev/sda1: 4096 of 4096 from 0, 0 lost",
          "files /in-metadata: 4096 of 4096 from 256, 4096 lost",
          "metadata inodes: 4096 of 8192 from 0, 4096 lost",
          "files /large: 2048 of 8192 from 6144, 2048 lost",
          "files /large-too: 2048 of 8192 from 6144, 2048 lost",
          "unwritten /other: 2048 of 2048 from 8192, 0 lost",
          "unaccounted /dev/sda1: 2048 of - from 18432, 2048 lost",
          "boot MBR: 256 of 512 from 256, 256 lost",
          "unaccounted /dev/sda: 256 of - from 512, 256 lost",
        ])
    // Each byte counts once: the file inside of metadata, and the names of one file.
    #expect(affected.totals[.files] == 0x1000 + 0x1000 && affected.totals[.metadata] == 0)
    #expect(affected.totals.size == 0x200 + 0x1000 + 0x3000)
    #expect(affected.totals[.free] == 0x1000 && affected.lost[.free] == 0 && affected.lost[.files] == 0x2000)
    #expect(affected.devices.map { String(decoding: $0.name, as: UTF8.self) } == ["/dev/sda1", "/dev/sda"])
    #expect(affected.devices.map(\.bytes) == [0x4000, 0x200])
  }

  @Test func selections() throws {
    let map = try readMap(Self.text)
    var selection = ObjectSelection(kinds: [.unallocated, .metadata])
    var affected = Affected(map, ranges: [0..<0x10000], disk: 1, selection: selection)
    #expect(affected.hits.map(\.use) == [.metadata, .metadata, .free])
    // The file inside of metadata is not wanted, so its bytes are metadata.
    #expect(affected.totals.size == 0x4000 && affected.totals[.metadata] == 0x3000)
    selection = ObjectSelection()
    selection.setPattern(Array("/large*".utf8))
    affected = Affected(map, ranges: [0..<0x10000], disk: 1, selection: selection)
    #expect(affected.hits.count == 2 && affected.totals.size == 0x2000)
    selection = ObjectSelection()
    selection.devices = [Array("/dev/sda".utf8)]
    affected = Affected(map, ranges: [0..<0x10000], disk: 1, selection: selection)
    #expect(affected.hits.map(\.use) == [.unaccounted, .boot])
    #expect(affected.totals.size == 0x200 + (0x1000 - 0x200) + 0x1000 + 0x5000)
  }

  @Test func nothing() throws {
    let map = try readMap(Self.text)
    #expect(Affected(map, ranges: [], disk: 1).hits.isEmpty)
    let other = Affected(map, ranges: [0..<0x1000], disk: 2)
    #expect(rows(other, map) == ["unaccounted /dev/sdb: 4096 of - from 0, 4096 lost"])
    // Beyond all ranges of a map in the 2014 format, which does not say how large disks are.
    let old = try readMap("1 0 1000 v /dev/sda\n1 0 800 f /dev/sda1 /file\n")
    let affected = Affected(old, ranges: [0x400..<0xc00, 0x2000..<0x3000], disk: 1)
    #expect(
      rows(affected, old) == [
        "unaccounted -: 4096 of - from -, 4096 lost", "files /file: 1024 of 2048 from -, 1024 lost",
        "unaccounted /dev/sda: 1024 of - from -, 1024 lost",
      ])
  }

  /// More names than an index lists.
  @Test func manyNames() throws {
    let lines = (0..<200).map { "1 0 1000 f /dev/sda1 /name-\($0)\n" }.sorted().joined()
    let map = try readMap("# virt-bmap 2\n# disk 1 size=1000 format=raw file=d\n" + lines)
    let affected = Affected(map, ranges: [0x100..<0x200], disk: 1)
    #expect(affected.hits.count == 200 && affected.hits.allSatisfy { $0.bytes == 0x100 })
    #expect(affected.totals.size == 0x100)
  }

  /// The same as counting byte by byte.
  @Test func randomMaps() throws {
    var random = SystemRandomNumberGenerator()
    for _ in 0..<100 {
      let kinds = Array("vpldfmsbrua")
      var lines: [(start: Int, end: Int, object: Int, offset: Int)] = []
      for _ in 0..<Int.random(in: 1...12, using: &random) {
        let start = Int.random(in: 0..<200, using: &random)
        lines.append(
          (
            start, Int.random(in: start + 1...200, using: &random), Int.random(in: 0..<6, using: &random),
            Int.random(in: 0..<50, using: &random)
          ))
      }
      let names = (0..<6).map { _ in kinds.randomElement(using: &random) ?? "f" }
      let text = lines.map {
        "1 \(String($0.start, radix: 16)) \(String($0.end, radix: 16)) \(names[$0.object])@\(String($0.offset, radix: 16)) /dev/sda /\($0.object)\n"
      }.joined()
      let map = try readMap("# virt-bmap 2\n# disk 1 size=c8 format=raw file=d\n" + text)
      let chosen = (0..<200).filter { _ in Int.random(in: 0..<3, using: &random) == 0 }.map { UInt64($0) }
      let ranges = chosen.reduce(into: [Range<UInt64>]()) { ranges, byte in
        if let last = ranges.last, last.upperBound == byte {
          ranges[ranges.count - 1] = last.lowerBound..<byte + 1
        } else {
          ranges.append(byte..<byte + 1)
        }
      }
      let affected = Affected(map, ranges: ranges, disk: 1)
      #expect(affected.totals.size == UInt64(chosen.count))
      #expect(
        affected.devices.reduce(0) { $0 + $1.bytes } + (affected.hits.first { $0.object == nil }?.bytes ?? 0)
          == UInt64(chosen.count))
      for hit in affected.hits where hit.use != .unaccounted {
        let id = try #require(hit.object)
        let own = map.ranges.filter { $0.object == id }
        let inside = own.flatMap { range in chosen.filter { range.range.contains($0) }.map { (range, $0) } }
        #expect(hit.bytes == UInt64(inside.count))
        #expect(hit.offset == inside.map { $0.0.objectOffset + $0.1 - $0.0.range.lowerBound }.min())
        #expect(hit.start == inside.map(\.1).min())
        #expect(hit.size == own.reduce(0) { $0 + $1.range.upperBound - $1.range.lowerBound })
      }
      let expected = Set(map.ranges.filter { range in chosen.contains { range.range.contains($0) } }.map(\.object))
        .filter { SpaceUse(map.objects.kind(of: $0)) != nil }
      #expect(Set(affected.hits.filter { $0.use != .unaccounted }.compactMap(\.object)) == expected)
    }
  }
}
