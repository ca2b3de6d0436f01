import BlockMap
import Testing

@testable import Answers

@Suite struct MapSummaryTests {
  @Test func disksAndDevices() throws {
    let summary = MapSummary(
      try map("1 0 80000 p /dev/sda1\n1 1000 3000 f /dev/sda1 /file\n1 4000 5000 m /dev/sda1 superblock"))
    #expect(summary.disks.map(\.totals.size) == [0x100000])
    let device = try #require(summary.devices.first)
    #expect(device.objects == 2 && device.totals[.files] == 0x2000 && device.totals[.metadata] == 0x1000)
    #expect(device.totals[.unaccounted] == 0x7d000)
    #expect(summary.largest.map(\.bytes) == [0x2000])
  }

  /// Two disks of the largest size have more bytes than 64 bits can count.
  @Test func sumsThatDoNotFit() throws {
    let header = "# disk 1 size=ffffffffffffffff\n# disk 2 size=ffffffffffffffff\n"
    let lines = [1, 2].flatMap { disk in
      ["f /dev/sda1 /file", "p /dev/sda2"].enumerated().map { index, object in
        let (start, end) = (index == 0 ? "0" : "c000000000000000", index == 0 ? "c000000000000000" : "ffffffffffffffff")
        return "\(disk) \(start) \(end) \(object)"
      }
    }
    let whole = MapSummary(try map(lines.joined(separator: "\n"), header: header))
    #expect(whole.disks.map(\.totals.size) == [.max, .max])
    #expect(whole.devices.map { $0.totals[.files] } == [.max, 0])
    #expect(whole.devices.map { $0.totals[.unaccounted] } == [0, 0x7fff_ffff_ffff_fffe])
    #expect(whole.largest.map(\.bytes) == [.max])
    #expect(whole.totals.size == .max)
    let empty = MapSummary(
      try map("1 0 c000000000000000 p /dev/sda1\n2 0 c000000000000000 p /dev/sda1", header: header))
    #expect(empty.devices.map { $0.totals[.unaccounted] } == [.max])
  }
}
