import TestSupport
import Testing

@testable import BlockStack

@Suite struct DeviceTableTests {
  private typealias Location = DeviceTable.Location

  private func location(_ range: Range<UInt64>, _ offset: UInt64) -> Location {
    Location(disk: 1, range: range, offset: offset)
  }

  /// A disk 8:0 of 100 MiB with two partitions.
  private let disk = """
    device 8:0 - - 204800
    device 8:1 8:0 2048 20480
    device 8:2 8:0 22528 182272
    disk 8:0 1

    """

  @Test func partition() {
    let table = DeviceTable(parsing: disk)
    #expect(table.locations(of: "8:1") == [location(1 << 20..<11 << 20, 0)])
    #expect(table.locations(of: "8:2") == [location(11 << 20..<100 << 20, 0)])
  }

  @Test func behindTheEndIsNothing() {
    let table = DeviceTable(parsing: disk)
    #expect(table.locations(of: 10 << 20 - 512..<11 << 20, on: "8:1") == [location(11 << 20 - 512..<11 << 20, 0)])
    #expect(table.locations(of: 100 << 20 - 512..<1 << 63, on: "8:0") == [location(100 << 20 - 512..<100 << 20, 0)])
    #expect(table.locations(of: 100 << 20..<101 << 20, on: "8:0") == [])
    #expect(table.locations(of: .max - 1..<UInt64.max, on: "8:0") == [])
    #expect(table.end(of: "8:1") == 10 << 20 && table.end(of: "8:0") == 100 << 20 && table.end(of: "8:9") == nil)
  }

  @Test func volumeOfSeveralSegments() {
    let table = DeviceTable(
      parsing: disk + """
        device 254:0 - - 24576
        table 254:0 0 8192 linear 8:2 2048
        table 254:0 8192 8192 linear 8:1 0
        table 254:0 16384 8192 linear 8:2 102400
        """)
    #expect(
      table.locations(of: "254:0") == [
        location(12 << 20..<16 << 20, 0), location(1 << 20..<5 << 20, 4 << 20),
        location(61 << 20..<65 << 20, 8 << 20),
      ])
  }

  @Test func volumeOnAVolume() {
    // The upper volume crosses the boundary between the lower volume's segments.
    let table = DeviceTable(
      parsing: disk + """
        device 254:1 - - 4096
        table 254:1 0 4096 linear 254:0 6144
        device 254:0 - - 16384
        table 254:0 0 8192 linear 8:2 2048
        table 254:0 8192 8192 linear 8:1 0
        """)
    #expect(
      table.locations(of: "254:1") == [
        location(15 << 20..<16 << 20, 0), location(1 << 20..<2 << 20, 1 << 20),
      ])
  }

  @Test func rangeOfADevice() {
    let table = DeviceTable(
      parsing: disk + """
        table 254:0 0 8192 linear 8:2 2048
        table 254:0 8192 8192 linear 8:1 0
        """)
    #expect(table.locations(of: 0..<512, on: "8:1") == [location(1 << 20..<1 << 20 + 512, 0)])
    let border: UInt64 = 4 << 20
    #expect(
      table.locations(of: border - 512..<border + 512, on: "254:0") == [
        location(16 << 20 - 512..<16 << 20, 0), location(1 << 20..<1 << 20 + 512, 512),
      ])
  }

  @Test(arguments: [
    "table 254:0 0 8192 thin 254:7 1", "table 254:0 0 8192 striped 2 0 8:1 0 8:2 0",
    "table 254:0 0 8192 linear 9:9 0", "table 254:0 0 x linear 8:1 0", "table 254:0 0 0 linear 8:1 0",
    "table 254:0 0 18446744073709551615 linear 8:1 0", "table 254:0 9223372036854775807 2 linear 8:1 0",
    "table 254:0 0 8192 linear 8:1 18446744073709551615",
  ])
  func whatIsNotFollowedHasNoLocation(table: String) {
    #expect(DeviceTable(parsing: disk + table).locations(of: "254:0") == nil)
  }

  @Test func whatIsMissingHasNoLocation() {
    let table = DeviceTable(
      parsing: disk + "table 254:0 0 8192 linear 8:1 0\ntable 254:0 8192 8192 error 0 0 0")
    let border: UInt64 = 4 << 20
    #expect(table.locations(of: "254:0") == [location(1 << 20..<5 << 20, 0)])
    #expect(table.locations(of: border..<border + 512, on: "254:0") == [])
  }

  @Test func unknownDevices() {
    let table = DeviceTable(parsing: disk)
    #expect(table.locations(of: "8:9") == nil)
    #expect(table.locations(of: "") == nil)
    #expect(table.locations(of: 0..<1, on: "8:9") == nil)
    #expect(DeviceTable(parsing: "").locations(of: "8:1") == nil)
  }

  @Test func tablesThatReferToThemselvesEnd() {
    for text in [
      "table 254:0 0 8192 linear 254:0 0", "table 254:0 0 8192 linear 254:1 0\ntable 254:1 0 8192 linear 254:0 0",
      "device 8:1 8:1 0 100", "table 254:0 0 8 linear 254:0 8\ntable 254:0 8 8 linear 254:0 0",
    ] {
      let table = DeviceTable(parsing: disk + text)
      #expect(table.locations(of: text.hasPrefix("device") ? "8:1" : "254:0") == nil)
    }
  }

  @Test func anyTextIsRead() {
    var random = Seeded(4)
    let words = [
      "device", "table", "disk", "8:0", "8:1", "254:0", "linear", "0", "1", "-", "18446744073709551615", "4096", "\n",
      "9223372036854775807", "x", "",
    ]
    for _ in 0..<2000 {
      let text = (0..<60).map { _ in words[Int.random(in: 0..<words.count, using: &random)] }.joined(separator: " ")
      let table = DeviceTable(parsing: text.replacing(" \n ", with: "\n"))
      for device in ["8:0", "8:1", "254:0"] { _ = table.locations(of: device[...]) }
    }
  }
}
