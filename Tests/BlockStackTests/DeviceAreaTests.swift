import Testing

@testable import BlockStack

@Suite struct DeviceAreaTests {
  @Test func partsFollowEachOther() {
    var areas: [DeviceArea] = []
    for (name, start, count) in [
      ("tree", 4096, 512), ("copy", 0, 512), ("tree", 1024, 256), ("other tree", 9000, 16), ("tree", 512, 8),
    ] as [(String, UInt64, UInt64)] {
      areas.add(name, at: start, count: count)
    }
    areas.add("copy", at: 8192, count: 512)
    areas.append(DeviceArea(kind: .unallocated, range: 0..<8))
    areas.concatenate { $0.hasSuffix("tree") }
    #expect(areas.map(\.offset) == [0, 0, 512, 0, 768, 0, 0])
  }

  /// Areas that are too long together start again.
  @Test func lengthsThatCannotBe() {
    var areas: [DeviceArea] = []
    for start in [1, 2, 3] as [UInt64] { areas.add("tree", at: start, count: .max - 4) }
    areas.add("tree", at: 0, count: 4)
    areas.concatenate { _ in true }
    #expect(areas.map(\.offset) == [0, 0, 0, .max - 4])
  }
}
