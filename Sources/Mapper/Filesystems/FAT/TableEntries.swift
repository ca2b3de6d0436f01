import BlockStack
import Bytes
import FATVolumes

extension Clusters {
  /// The clusters whose entries have these values, as ranges of the device for each value.
  func ranges(of values: [UInt64], on device: some DeviceBytes) throws -> [[Range<UInt64>]] {
    var runs = values.map { _ in UnitRuns(start: start, unit: size) }
    try forEachEntry(on: device) { cluster, entry in
      for (index, value) in values.enumerated() where entry == value { try runs[index].add(cluster) }
    }
    return runs.map(\.ranges)
  }

  /// Bad clusters as areas. Their offsets count from the first cluster.
  func areas(bad: [Range<UInt64>]) -> [DeviceArea] {
    bad.map { DeviceArea(name: "bad clusters", range: $0, offset: $0.lowerBound - start) }
  }

  /// Calls `body` with each cluster, counted from 0, and its entry.
  private func forEachEntry(on device: some DeviceBytes, _ body: (UInt64, UInt64) throws -> Void) throws {
    guard entry != .fat12 else { return try forEachEntryOfFAT12(on: device, body) }
    let width = entry == .fat16 ? 2 : 4
    var cluster: UInt64 = 0
    try device.read(entries) { bytes in
      for offset in stride(from: 0, to: bytes.count, by: width) {
        try body(cluster, bytes.little(at: offset, width: width) & mask)
        cluster += 1
      }
    }
  }

  /// Two entries take three bytes. There are at most 4084 clusters.
  private func forEachEntryOfFAT12(on device: some DeviceBytes, _ body: (UInt64, UInt64) throws -> Void) throws {
    let bytes = try device.bytes(at: entries.lowerBound, count: Int(entries.upperBound - entries.lowerBound))
    for cluster in 0..<count {
      let pair = bytes.little(at: Int(cluster * 3 / 2), width: 2)
      try body(cluster, cluster.isMultiple(of: 2) ? pair & 0xfff : pair >> 4)
    }
  }
}
