import BlockStack
import Bytes

/// What the first file allocation table, which is the one that the kernel uses, says about clusters.
extension FATVolume {
  /// The number of the first cluster.
  private static let first: UInt64 = 2
  private static let free: UInt64 = 0

  /// The entry of a cluster that cannot be used.
  private var bad: UInt64 {
    switch entrySize {
    case .twelve: 0xff7
    case .sixteen: 0xfff7
    case .thirtyTwo: 0xfff_fff7
    }
  }

  /// Free and bad clusters, and what lies behind the last cluster.
  func clusters(on device: some DeviceBytes) throws -> [DeviceArea] {
    var free = UnitRuns(start: firstCluster, unit: cluster)
    var bad = UnitRuns(start: firstCluster, unit: cluster)
    try forEachEntry(on: device) { cluster, entry in
      if entry == Self.free {
        try free.add(cluster)
      } else if entry == self.bad {
        try bad.add(cluster)
      }
    }
    var areas = bad.ranges.map {
      DeviceArea(name: "bad clusters", range: $0, offset: $0.lowerBound - firstCluster)
    }
    areas += free.ranges.map { DeviceArea(kind: .unallocated, range: $0) }
    areas.addSpace(behind: firstCluster + clusterCount * cluster, on: device)
    return areas
  }

  /// Calls `body` with the number of each cluster, from 0, and its entry.
  private func forEachEntry(on device: some DeviceBytes, _ body: (UInt64, UInt64) throws -> Void) throws {
    switch entrySize {
    case .twelve:
      // Two entries take three bytes. There are at most 4084 clusters.
      let bytes = try device.bytes(at: reserved, count: Int((clusterCount + Self.first) * 3 + 1) / 2)
      for cluster in 0..<clusterCount {
        let entry = cluster + Self.first
        let pair = bytes.little(at: Int(entry * 3 / 2), width: 2)
        try body(cluster, entry.isMultiple(of: 2) ? pair & 0xfff : pair >> 4)
      }
    case .sixteen: try forEachEntry(on: device, width: 2, body)
    // The upper four bits are reserved.
    case .thirtyTwo: try forEachEntry(on: device, width: 4) { try body($0, $1 & 0xfff_ffff) }
    }
  }

  /// - Parameter width: the size of an entry, in bytes.
  private func forEachEntry(
    on device: some DeviceBytes, width: Int, _ body: (UInt64, UInt64) throws -> Void
  ) throws {
    let start = reserved + Self.first * UInt64(width)
    var cluster: UInt64 = 0
    try device.read(start..<start + clusterCount * UInt64(width)) { bytes in
      for offset in stride(from: 0, to: bytes.count, by: width) {
        try body(cluster, bytes.little(at: offset, width: width))
        cluster += 1
      }
    }
  }
}
