import DiskExports
import NBDKit

/// A client's view of a device that is assembled from disks. Each of these logs what is read from it.
final class DeviceConnection: Connection {
  private let device: DeviceParts
  /// The disks that hold parts of the device.
  private let disks: [Int: WholeBlocks]
  let exportDescription: String

  /// - Parameter description: of the export.
  /// - Throws: if a part lies beyond the end of its disk, according to the map.
  init(_ device: DeviceParts, disks: [Int: any Connection], description: String) throws {
    self.device = device
    self.disks = disks.mapValues { WholeBlocks($0) }
    exportDescription = description
    try device.forEachPart(of: 0..<device.size) { part, disk, diskOffset in
      let end = diskOffset.addingReportingOverflow(part.upperBound - part.lowerBound)
      guard let size = disks[disk]?.size, !end.overflow, end.partialValue <= size else {
        throw PluginError(errno: .invalid, "the map has a part of this export behind the end of disk \(disk)")
      }
      return true
    }
  }

  var size: UInt64 { device.size }

  var capabilities: Capabilities {
    let below = disks.values.map(\.connection.capabilities)
    var capabilities = Capabilities()
    capabilities.isRotational = below.contains(where: \.isRotational)
    capabilities.canExtents = true
    capabilities.canMultiConn = below.allSatisfy(\.canMultiConn)
    capabilities.cache = below.allSatisfy { $0.cache == .native } ? .native : .none
    capabilities.blockSize = below.compactMap(\.blockSize).max { $0.minimum < $1.minimum }
    // The device does not have to end at a block boundary.
    capabilities.blockSize?.minimum = 1
    return capabilities
  }

  func read(into buffer: UnsafeMutableRawBufferPointer, at offset: UInt64) throws {
    try forEachPart(of: offset..<offset &+ UInt64(buffer.count)) { range, disk, diskOffset in
      let start = Int(range.lowerBound - offset)
      try disk.read(into: UnsafeMutableRawBufferPointer(rebasing: buffer[start..<start + range.count]), at: diskOffset)
      return true
    }
  }

  func extents(
    in range: Range<UInt64>, one: Bool, _ body: (Range<UInt64>, ExtentState) throws -> Bool
  ) throws {
    try forEachPart(of: range) { part, disk, diskOffset in
      var isWanted = true
      try disk.extents(in: diskOffset..<diskOffset + UInt64(part.count), one: one) { extent, state in
        let start = part.lowerBound + (extent.lowerBound - diskOffset)
        isWanted = try body(start..<start + UInt64(extent.count), state) && !one
        return isWanted
      }
      return isWanted
    }
  }

  func cache(_ range: Range<UInt64>) throws {
    try forEachPart(of: range) { part, disk, diskOffset in
      try disk.cache(diskOffset..<diskOffset + UInt64(part.count))
      return true
    }
  }

  func close() {
    for disk in disks.values { disk.connection.close() }
  }

  private func forEachPart(
    of range: Range<UInt64>, _ body: (Range<UInt64>, WholeBlocks, UInt64) throws -> Bool
  ) throws {
    try device.forEachPart(of: range) { part, disk, diskOffset in
      guard let disk = disks[disk] else { throw PluginError(errno: .inputOutput, "disk \(disk) is not served") }
      return try body(part, disk, diskOffset)
    }
  }
}
