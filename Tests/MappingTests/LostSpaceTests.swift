import BlockMap
import BlockStack
import Filesystems
import Testing

@testable import Mapping

@Suite struct LostSpaceTests {
  /// The map's lines about a device, and what is lost on it.
  private func lost(
    _ lines: [(ObjectKind, String, disk: Int, Range<UInt64>, offset: UInt64)], on locations: [DeviceTable.Location],
    unit: UInt64, _ units: Range<UInt64>
  ) throws -> [String] {
    var map = BlockMapBuilder()
    let device = Array("/dev/sda1".utf8)
    for (kind, path, disk, range, offset) in lines {
      let object = map.addObject(kind: kind, device: device, path: Array(path.utf8))
      map.addRange(of: try #require(object), disk: disk, range: range, objectOffset: offset)
    }
    // What belongs to another device, or is the device itself.
    let others: [(ObjectKind, String)] = [(.file, "/dev/sda2"), (.partition, "/dev/sda1")]
    for (kind, name) in others {
      let object = map.addObject(kind: kind, device: Array(name.utf8))
      map.addRange(of: try #require(object), disk: 1, range: 0..<1 << 20)
    }
    let units = try #require(
      AllocationUnits(nameOfLost: "lost", start: units.lowerBound, end: units.upperBound, size: unit))
    let space = LostSpace(units, contents: map.contents(ofDevice: device), locations: locations) {
      map.kind(of: $0) == .file
    }
    return space.areas.map { "\($0.name ?? "") \($0.range)@\($0.offset)" }
      + space.rests.map { rest in
        let owner = lines.firstIndex { kind, path, _, _, _ in
          map.addObject(kind: kind, device: device, path: Array(path.utf8)) == rest.object
        }
        return "\(owner.map { lines[$0].1 } ?? "?") \(rest.range)@\(rest.offset)"
      }
  }

  private func whole(_ range: Range<UInt64>, disk: Int = 1, offset: UInt64 = 0) -> DeviceTable.Location {
    DeviceTable.Location(disk: disk, range: range, offset: offset)
  }

  @Test func blocksThatNothingExplains() throws {
    let lines: [(ObjectKind, String, disk: Int, Range<UInt64>, offset: UInt64)] = [
      (.file, "/a", 1, 1100..<1140, 0), (.metadata, "journal", 1, 1000..<1050, 0),
      (.unallocated, "", 1, 1150..<1200, 0), (.directory, "/", 1, 1130..<1140, 0),
    ]
    #expect(
      try lost(lines, on: [whole(1000..<1230)], unit: 10, 0..<230) == [
        "lost 50..<100@50", "lost 140..<150@140", "lost 200..<230@200",
      ])
    // Space in front of the first unit, and behind the last one, is not allocated.
    #expect(
      try lost(lines, on: [whole(1000..<1230)], unit: 10, 70..<220) == [
        "lost 70..<100@70", "lost 140..<150@140", "lost 200..<220@200",
      ])
    // The last unit is cut short.
    #expect(try lost(lines, on: [whole(1000..<1230)], unit: 100, 0..<225).contains("lost 200..<225@200"))
    #expect(try lost([], on: [whole(1000..<1230)], unit: 10, 0..<230) == ["lost 0..<230@0"])
    #expect(try lost(lines, on: [], unit: 10, 0..<230) == [])
  }

  @Test func theRestOfAClusterBelongsToItsFile() throws {
    let lines: [(ObjectKind, String, disk: Int, Range<UInt64>, offset: UInt64)] = [
      (.metadata, "bitmap", 1, 0..<10, 0), (.file, "/a", 1, 100..<220, 0), (.file, "/link", 1, 100..<220, 0),
      (.file, "/b", 1, 480..<500, 1080), (.directory, "/d", 1, 500..<520, 0),
      (.file, "/c", 1, 630..<640, 30), (.file, "/c", 1, 650..<660, 50),
    ]
    #expect(
      try lost(lines, on: [whole(0..<800)], unit: 100, 0..<800) == [
        "cluster padding 10..<100@10", "lost 300..<400@300", "cluster padding 520..<600@520", "lost 700..<800@700",
        "/a 220..<300@120", "/link 220..<300@120", "/b 400..<480@1000", "/c 600..<630@0", "/c 640..<650@40",
        "/c 660..<700@60",
      ])
  }

  @Test func offsetsThatCannotBe() throws {
    let lines: [(ObjectKind, String, disk: Int, Range<UInt64>, offset: UInt64)] = [(.file, "/a", 1, 80..<90, 3)]
    #expect(
      try lost(lines, on: [whole(0..<100)], unit: 100, 0..<100) == ["/a 0..<80@0", "/a 90..<100@13"])
    // A part that ends behind the largest offset.
    #expect(try lost([], on: [whole(0..<100, offset: .max - 50)], unit: .max, 0..<UInt64.max).isEmpty)
  }

  /// A device that is stored twice, and one in stripes that are smaller than a cluster.
  @Test func severalDisks() throws {
    let lines: [(ObjectKind, String, disk: Int, Range<UInt64>, offset: UInt64)] = [
      (.file, "/a", 1, 0..<150, 0), (.file, "/a", 2, 1000..<1150, 0),
    ]
    let copies = [whole(0..<400), whole(1000..<1400, disk: 2)]
    #expect(
      try lost(lines, on: copies, unit: 100, 0..<400) == ["lost 200..<400@200", "/a 150..<200@150"])
    let stripes = [
      whole(0..<50), whole(0..<50, disk: 2, offset: 50), whole(50..<100, offset: 100),
      whole(50..<100, disk: 2, offset: 150),
    ]
    #expect(
      try lost([(.file, "/a", 1, 0..<40, 0)], on: stripes, unit: 100, 0..<200) == [
        "lost 100..<200@100", "/a 40..<100@40",
      ])
  }

  @Test func borders() throws {
    let units = try #require(AllocationUnits(nameOfLost: "", start: 30, end: 95, size: 20))
    #expect(units.border(atOrBefore: 69) == 50 && units.border(atOrBehind: 69) == 70 && units.isBorder(70))
    #expect(units.border(atOrBehind: 91) == 95 && units.isBorder(95) && !units.isBorder(94))
    #expect(units.border(atOrBefore: 7) == 30 && units.border(atOrBehind: 7) == 30)
    #expect(units.border(atOrBefore: .max) == 95)
    let large = try #require(AllocationUnits(nameOfLost: "", end: .max, size: .max - 1))
    #expect(large.border(atOrBehind: .max - 2) == .max - 1 && large.border(atOrBehind: .max) == .max)
    #expect(AllocationUnits(nameOfLost: "", start: 5, end: 4, size: 1) == nil)
    #expect(
      AllocationUnits(nameOfLost: "", end: 4, size: 0) == nil
        && AllocationUnits(nameOfLost: "", end: nil, size: 1) == nil)
  }
}
