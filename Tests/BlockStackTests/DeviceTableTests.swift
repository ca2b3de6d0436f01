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

  /// Free space may be in more stripes than a map has room for.
  @Test func stripesThatTouch() {
    let table = DeviceTable(
      parsing: """
        device 8:0 - - 2147483648
        device 8:16 - - 2147483648
        device 254:0 - - 4294967296
        table 254:0 0 4294967296 striped 2 128 8:0 0 8:16 0
        disk 8:0 1
        disk 8:16 2

        """)
    let size: UInt64 = 2 << 40
    #expect(table.locations(of: 0..<size, on: "254:0") == nil)
    #expect(
      table.parts(holding: 0..<size, on: "254:0") == [
        Location(disk: 1, range: 0..<size / 2, offset: 0), Location(disk: 2, range: 0..<size / 2, offset: 0),
      ])
    // From the middle of a stripe to the middle of another one, and beyond the end.
    #expect(
      table.parts(holding: 4096..<200_704, on: "254:0") == [
        Location(disk: 1, range: 4096..<131_072, offset: 0), Location(disk: 2, range: 0..<69_632, offset: 0),
      ])
    #expect(table.parts(holding: size..<size + 4096, on: "254:0") == [])
    // What is not striped may have any size.
    let large = DeviceTable(parsing: "device 8:0 - - 18014398509481983\ndisk 8:0 1\n")
    #expect(
      large.parts(holding: 4096..<1 << 62, on: "8:0") == [Location(disk: 1, range: 4096..<1 << 62, offset: 0)])
    #expect(table.parts(holding: 0..<4096, on: "254:9") == nil)
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

  /// Where a cached volume's data is says its metadata, not the kernel.
  @Test func cache() {
    let table = DeviceTable(
      parsing: disk + "clean 254:0\ntable 254:0 0 8192 cache 8:1 8:1 8:2 128 1 writethrough smq 0")
    #expect(table.locations(of: "254:0") == nil && table.problem(of: "254:0") == nil)
    #expect(table.metadataTargets == ["254:0": .cached(metadata: "8:1", cache: "8:1", origin: "8:2")])
    #expect(table.cleanCaches == ["254:0"])
  }

  @Test func originOfSnapshots() {
    let table = DeviceTable(parsing: disk + "table 254:0 0 8192 snapshot-origin 8:2")
    #expect(table.locations(of: "254:0") == [location(11 << 20..<15 << 20, 0)])
  }

  /// BitLocker's volumes have their metadata replaced by zeros.
  @Test func zeros() {
    let table = DeviceTable(parsing: disk + "table 254:0 0 8 zero\ntable 254:0 8 8 crypt aes-xts-plain64 - 0 8:2 8")
    #expect(table.locations(of: "254:0") == [location(11 << 20 + 4096..<11 << 20 + 8192, 4096)])
  }

  @Test(arguments: [
    ("table 254:0 0 8192 writecache s 8:1 8:2 4096 0", "a volume of the type writecache is not supported", false),
    ("table 254:0 0 8192 thin 254:7 1", nil, false), ("table 254:0 0 8192 linear 8:1 0", nil, false),
    (
      "device 254:0 - - 8192\narray 254:0 raid5 2 65536 3 1024",
      "it is being reshaped to another layout (raid5, 3 devices)", true
    ),
    (
      "device 254:0 - - 8192\narray 254:0 raid10 66050 65536 4 none",
      "RAID 10 with 2 near and 2 offset copies at once is not supported", true
    ),
    (
      "device 254:0 - - 8192\narray 254:0 raid10 131586 65536 4 none",
      "RAID 10 with 2 near and 2 far copies in sets of devices at once is not supported", true
    ),
    ("device 254:0 - - 0\narray 254:0 raid5 2 65536 3 1024", nil, false),
    ("device 254:0 - - 8192\narray 254:0 container 0 0 3 none", nil, false),
  ])
  func problems(text: String, reason: String?, isGap: Bool) {
    let problem = DeviceTable(parsing: disk + text).problem(of: "254:0")
    #expect(problem == reason.map { .init(reason: $0, isGap: isGap) })
  }

  @Test func partitionsOfADisk() {
    let table = DeviceTable(parsing: disk + "table 254:0 0 8192 linear 8:0 0")
    let partitions = table.partitions(on: "8:0").sorted { $0.number < $1.number }
    #expect(partitions.map(\.number) == ["8:1", "8:2"])
    #expect(partitions.map(\.range) == [1 << 20..<11 << 20, 11 << 20..<100 << 20])
    #expect(table.partitions(on: "8:1").isEmpty)
  }

  @Test(arguments: [
    ("vg-pool-tpool", "/dev/vg/pool"), ("a--b-c--d-tpool", "/dev/a-b/c-d"), ("luks", "/dev/mapper/luks"),
    ("", "/dev/mapper/"),
  ])
  func mapperNames(name: String, expected: String) { #expect(MapperName.device(name[...]) == expected) }

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
