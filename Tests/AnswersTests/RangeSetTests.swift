import Testing

@testable import Answers

@Suite struct RangeSetTests {
  @Test func countsAndParts() {
    var random = SystemRandomNumberGenerator()
    for _ in 0..<300 {
      var ranges: [Range<UInt64>] = []
      var position: UInt64 = 0
      for _ in 0..<Int.random(in: 0...40, using: &random) {
        let start = position + .random(in: 1...4, using: &random)
        position = start + .random(in: 1...4, using: &random)
        ranges.append(start..<position)
      }
      let set = RangeSet(ranges)
      for _ in 0..<20 {
        let start = UInt64.random(in: 0...position + 5, using: &random)
        let asked = start..<UInt64.random(in: start...position + 9, using: &random)
        let hint = Int.random(in: 0...ranges.count, using: &random)
        let expected = ranges.firstIndex { $0.upperBound > start } ?? ranges.count
        #expect(set.index(endingAfter: start, hint: hint) == expected)
        let bytes = asked.filter { byte in ranges.contains { $0.contains(byte) } }
        #expect(set.count(in: asked, hint: hint) == UInt64(bytes.count))
        var parts: [UInt64] = []
        var gaps: [UInt64] = []
        set.forEachPart(in: asked) { parts += Array($0) }
        set.forEachGap(in: asked) { gaps += Array($0) }
        #expect(parts == bytes && Set(gaps) == Set(asked).subtracting(bytes) && gaps == gaps.sorted())
      }
      #expect(set.count == ranges.reduce(0) { $0 + UInt64($1.count) })
    }
  }

  /// The ends of what 64 bits can say.
  @Test func limits() {
    let set = RangeSet([0..<1, UInt64.max - 1..<UInt64.max])
    #expect(set.count(in: 0..<UInt64.max) == 2 && set.count == 2)
    #expect(set.index(endingAfter: .max) == 2)
    let almostAll = RangeSet([0..<UInt64.max - 10, UInt64.max - 5..<UInt64.max])
    #expect(almostAll.count(in: 0..<UInt64.max - 3) == UInt64.max - 8)
  }
}
