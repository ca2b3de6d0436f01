import Testing

@testable import BlockStack

@Suite struct UnusedSpaceTests {
  @Test(
    arguments: [
      ([], [10..<100]), ([0..<200], []), ([20..<30, 15..<25, 40..<40, 90..<300], [10..<15, 30..<90]),
      ([0..<10, 100..<200], [10..<100]), ([10..<100], []), ([50..<UInt64.max], [10..<50]),
    ] as [([Range<UInt64>], [Range<UInt64>])])
  func whatIsLeft(used: [Range<UInt64>], expected: [Range<UInt64>]) {
    let areas = UnusedSpace.areas(of: 10..<100, without: used)
    #expect(areas.map(\.range) == expected)
    #expect(areas.allSatisfy { $0.kind == .unallocated && $0.name == nil })
  }
}
