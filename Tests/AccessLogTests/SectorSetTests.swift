import Testing

@testable import AccessLog

struct SectorSetTests {
  /// Compares the runs with a model that has one flag per sector.
  @Test func runsAreWhatWasInserted() {
    for size: UInt64 in [1 << 16, 3 << 20] {
      var written = SectorSet()
      var expected = [Bool](repeating: false, count: Int(size / 512))
      for _ in 0..<10 {
        let start = UInt64.random(in: 0..<size)
        let end = min(size, start + UInt64.random(in: 0...[1, 600, 300_000, 3_000_000].randomElement()!))
        written.insert(start..<end)
        if start < end { for sector in start / 512...(end - 1) / 512 { expected[Int(sector)] = true } }
        for _ in 0..<5 {
          let from = UInt64.random(in: 0..<size)
          var position = from
          let last = UInt64.random(in: from..<size)
          while position <= last {
            let run = written.run(in: position..<last + 1)
            #expect(run.end > position && run.end <= last + 1)
            let isRight = (position / 512...(run.end - 1) / 512).allSatisfy { expected[Int($0)] == run.contains }
            #expect(isRight)
            #expect(run.end == last + 1 || expected[Int(run.end / 512)] != run.contains)
            position = run.end
          }
        }
      }
    }
  }

  /// If a guest writes everywhere, memory stays bounded, and everything it wrote still counts as written.
  @Test func manyRanges() {
    var written = SectorSet()
    let step: UInt64 = 2 << 20
    for number in 0..<70_000 as Range<UInt64> { written.insert(number * step * 2..<number * step * 2 + 1) }
    for number in [0, 65_535, 65_536, 69_999] as [UInt64] {
      let start = number * step * 2
      let run = written.run(in: start..<start + 2 * step)
      #expect(run.contains)
      // The first 65,536 ranges are tracked per sector, the others in units of 2 MiB.
      #expect(run.end == start + (number < 65_536 ? 512 : step))
      #expect(written.run(in: start + step..<start + 2 * step) == (false, start + 2 * step))
    }
  }

  @Test func reachesTheEndOfTheNumbers() {
    var written = SectorSet()
    written.insert(UInt64.max - 1..<UInt64.max)
    #expect(written.run(in: UInt64.max - 1..<UInt64.max) == (true, UInt64.max))
    #expect(written.run(in: 0..<512) == (false, 512))
  }
}
