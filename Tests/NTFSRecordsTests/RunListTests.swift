import Testing

@testable import NTFSRecords

@Suite struct RunListTests {
  private func decode(_ bytes: [UInt8], from start: UInt64 = 0) -> [Run]? { RunList.decode(bytes[...], from: start) }

  /// The examples in the Linux-NTFS project's documentation.
  @Test func documentedExamples() {
    #expect(decode([0x21, 0x18, 0x34, 0x56, 0]) == [Run(start: 0, count: 0x18, cluster: 0x5634)])
    #expect(
      decode([0x31, 0x38, 0x73, 0x25, 0x34, 0x32, 0x14, 0x01, 0xe5, 0x11, 0x02, 0x31, 0x42, 0xaa, 0x00, 0x03, 0]) == [
        Run(start: 0, count: 0x38, cluster: 0x342573), Run(start: 0x38, count: 0x114, cluster: 0x363758),
        Run(start: 0x14c, count: 0x42, cluster: 0x393802),
      ])
    // A hole in the middle, then a negative distance.
    #expect(
      decode([0x11, 0x30, 0x20, 0x01, 0x60, 0x11, 0x10, 0x30, 0]) == [
        Run(start: 0, count: 0x30, cluster: 0x20), Run(start: 0x30, count: 0x60, cluster: nil),
        Run(start: 0x90, count: 0x10, cluster: 0x50),
      ])
    #expect(
      decode([0x11, 0x30, 0x60, 0x21, 0x10, 0x00, 0x01, 0x11, 0x20, 0xe0, 0]) == [
        Run(start: 0, count: 0x30, cluster: 0x60), Run(start: 0x30, count: 0x10, cluster: 0x160),
        Run(start: 0x40, count: 0x20, cluster: 0x140),
      ])
  }

  @Test func aPartBeginsWhereItSays() {
    #expect(decode([0x11, 2, 3, 0, 0x77, 0x77], from: 100) == [Run(start: 100, count: 2, cluster: 3)])
    #expect(decode([0]) == [])
  }

  @Test(
    arguments: [
      [], [0x11], [0x11, 1], [0x11, 1, 1], [0x01, 0, 0], [0x11, 0xff, 1, 0], [0x10, 1, 0], [0x91, 1, 0],
      [0x1f, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 0], [0x11, 1, 0xff, 0],
      [0x11, 1, 5, 0x11, 1, 0xf0, 0],
      [0x18, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x7f, 1, 0],
      [0x81, 1, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x7f, 0],
      [0x81, 1, 0, 0, 0, 0, 0, 0, 0, 0x80, 0],
    ] as [[UInt8]])
  func whatIsNoRunList(bytes: [UInt8]) {
    #expect(decode(bytes) == nil)
  }

  @Test func theLastClusterIsNotTooFarAway() {
    // A run of 2^41 clusters.
    let large: [UInt8] = [0x16, 0, 0, 0, 0, 0, 2, 1]
    #expect(decode(large + [0])?.count == 1)
    #expect(decode(large + large + [0]) == nil)
    #expect(decode([0x11, 1, 1, 0], from: UInt64.max) == nil)
  }
}
