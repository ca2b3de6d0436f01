import LiveView
import Testing

/// Numbers in few columns.
@Suite struct CompactTests {
  @Test(
    arguments: [
      (0, "0"), (999, "999"), (1000, "1.0K"), (1024, "1.0K"), (1536, "1.5K"), (102_400, "100K"), (1_048_575, "1.0M"),
      (10 << 20, "10.0M"), (1 << 40, "1.0T"), (.max, "16.0E"),
    ] as [(UInt64, String)])
  func bytes(count: UInt64, expected: String) {
    #expect(Compact.bytes(count) == expected)
  }

  @Test(arguments: [(99_999, "99999"), (100_000, "100k"), (1_500_000, "1.5m"), (.max, "18.4e")] as [(UInt64, String)])
  func numbers(count: UInt64, expected: String) {
    #expect(Compact.number(count) == expected)
  }

  @Test func nothingIsWide() {
    for shift in 0..<64 {
      for number in [UInt64(1) << UInt64(shift), (UInt64(1) << UInt64(shift)) &- 1, (UInt64(999) << UInt64(shift)) | 7]
      {
        #expect(Compact.bytes(number).utf8.count <= 5 && Compact.number(number).utf8.count <= 5, "\(number)")
        #expect(Compact.latency(number).utf8.count <= 8, "\(number)")
      }
    }
  }

  @Test(
    arguments: [
      (nil, "-"), (0, "0 us"), (35_200, "35 us"), (999_499, "999 us"), (999_500, "1.0 ms"), (3_400_000, "3.4 ms"),
      (123_000_000, "123 ms"), (1_200_000_000, "1.2 s"),
    ] as [(UInt64?, String)])
  func latencies(nanoseconds: UInt64?, expected: String) {
    #expect(Compact.latency(nanoseconds) == expected)
  }

  @Test(arguments: [(0, "0:00"), (83, "1:23"), (3600, "1:00:00"), (45_296, "12:34:56")] as [(UInt64, String)])
  func times(seconds: UInt64, expected: String) {
    #expect(Compact.time(seconds * 1_000_000_000) == expected)
  }
}
