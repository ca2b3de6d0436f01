import Testing

@testable import Bytes

@Suite struct RangeDifferenceTests {
  @Test func parts() {
    #expect([0..<10].subtracting([]) == [0..<10])
    #expect([0..<10].subtracting([0..<10]) == [])
    #expect([0..<10].subtracting([2..<3, 2..<5, 4..<6, 9..<20]) == [0..<2, 6..<9])
    #expect([5..<10, 20..<30].subtracting([0..<1, 0..<7, 8..<22, 29..<40]) == [7..<8, 22..<29])
    #expect([10..<20].subtracting([0..<5, 30..<40]) == [10..<20])
    #expect([Range<UInt64>]().subtracting([0..<5]) == [])
    #expect([0..<UInt64.max].subtracting([1..<UInt64.max]) == [0..<1])
  }

  /// Compares with single numbers.
  @Test func manyRanges() {
    var generator = SystemRandomNumberGenerator()
    for _ in 0..<200 {
      let others = (0..<Int.random(in: 0..<6, using: &generator)).map { _ -> Range<UInt64> in
        let start = UInt64.random(in: 0..<60, using: &generator)
        return start..<start + UInt64.random(in: 0..<20, using: &generator)
      }.sorted { $0.lowerBound < $1.lowerBound }
      let ranges: [Range<UInt64>] = [3..<10, 10..<12, 20..<40, 50..<55]
      let left = ranges.flatMap { $0 }.filter { number in !others.contains { $0.contains(number) } }
      let result = ranges.subtracting(others)
      #expect(result.flatMap { $0 } == left, "\(ranges) - \(others)")
      #expect(result.allSatisfy { !$0.isEmpty })
    }
  }
}
