import Testing

@testable import LogReport

@Suite struct ThroughputTests {
  /// Every byte is in the step that contains its moment, also if clocks go back.
  @Test func stepsHaveWhatWasAdded() {
    for span: UInt64 in [10, 5000, 1 << 40, .max] {
      var throughput = Throughput()
      var added: [(moment: UInt64, bytes: UInt64)] = []
      for _ in 0..<3000 {
        let one = (moment: UInt64.random(in: 0..<span), bytes: UInt64.random(in: 1...65536))
        added.append(one)
        throughput.add(one.bytes, .read, at: one.moment)
        throughput.add(1, .write, at: one.moment)
        throughput.add(1, .trim, at: one.moment)
        throughput.add(1, .cache, at: one.moment)
      }
      #expect(throughput.reads.count <= 4096 && throughput.writes.count == throughput.reads.count)
      var expected = [UInt64](repeating: 0, count: throughput.reads.count)
      let first = throughput.begin(of: 0) / throughput.width
      for one in added { expected[Int(one.moment / throughput.width - first)] += one.bytes }
      #expect(throughput.reads == expected)
      #expect(throughput.writes.reduce(0, +) == 3000)
      // Steps are not wider than they must be.
      #expect(throughput.width == 1 || throughput.reads.count >= 2048 - 1)
    }
  }

  @Test func sumsDoNotOverflow() {
    var throughput = Throughput()
    for _ in 0..<3 { throughput.add(.max, .read, at: .max) }
    #expect(throughput.reads == [.max] && throughput.begin(of: 0) == .max)
  }
}
