@testable import BlockStack

extension ParserFuzzer {
  /// The appliance's report about its block devices: partitions, device mapper tables and md arrays.
  static let deviceTable = ParserFuzzer(text: "device-table") { text in
    try checkLocations(DeviceTable(parsing: text), of: devices(in: text))
  }

  /// Only md arrays and their layouts, in a few bytes: the level, the number of disks, and the numbers.
  static let arrays = ParserFuzzer("arrays") { bytes in
    var input = FuzzNumbers(bytes)
    let levels = ["linear", "raid0", "raid1", "raid4", "raid5", "raid6", "raid10"]
    let level = levels[Int(input.byte()) % levels.count]
    let disks = Int(input.byte() % 10)
    let layout = input.next(3)
    let chunk = input.next(3)
    let sectors = input.next(4)
    var text = "device 9:0 - 0 \(sectors)\narray 9:0 \(level) \(layout) \(chunk) \(disks) none\n"
    for slot in 0..<disks {
      let size = input.next(3)
      text += "disk 8:\(slot) \(slot + 1)\ndevice 8:\(slot) - 0 131072\n"
      if size > 0 { text += "member 9:0 8:\(slot) \(slot) \(input.byte()) \(size) in_sync\n" }
    }
    try checkLocations(DeviceTable(parsing: text), of: ["9:0"])
  }

  private static func devices(in text: String) -> [Substring] {
    var found: [Substring] = []
    for line in text.split(separator: "\n") {
      let fields = line.split(separator: " ")
      if fields.count > 1, found.count < 8, !found.contains(fields[1]) { found.append(fields[1]) }
    }
    return found
  }

  /// Checks that each location is on a disk, and within the requested range of the device.
  static func checkLocations(_ table: DeviceTable, of devices: [Substring]) throws {
    for device in devices {
      _ = table.isFollowed(device)
      let end = table.end(of: device) ?? 0
      for range in [0..<4096, end / 2..<end / 2 + 65536, (end > 4096 ? end - 4096 : 0)..<end] {
        for location in table.locations(of: range, on: device) ?? [] {
          try check(location.disk > 0 && !location.range.isEmpty, "\(location) of \(device)")
          let size = location.range.upperBound - location.range.lowerBound
          try check(location.offset <= UInt64(range.count) && size <= UInt64(range.count), "\(location) of \(range)")
        }
      }
      for disk in 1...2 { _ = table.parts(of: device, heldBy: 4096..<1 << 17, ofDisk: disk) }
    }
  }
}
