import DiskExports
import NBDKit

/// A client's view of a device that is put together from the disks, each of which logs what is read of it.
final class AssembledConnection: Connection {
  private let assembly: Assembly
  /// Those that the device has parts on.
  private let disks: [Int: any Connection]

  init(_ assembly: Assembly, disks: [Int: any Connection]) {
    self.assembly = assembly
    self.disks = disks
  }

  var size: UInt64 { assembly.size }

  var capabilities: Capabilities {
    let below = disks.values.map(\.capabilities)
    var capabilities = Capabilities()
    capabilities.isRotational = below.contains(where: \.isRotational)
    capabilities.canExtents = true
    capabilities.canMultiConn = below.allSatisfy(\.canMultiConn)
    capabilities.cache = below.allSatisfy { $0.cache == .native } ? .native : .none
    capabilities.blockSize = below.compactMap(\.blockSize).max { $0.minimum < $1.minimum }
    // Nor need it end where a block does.
    capabilities.blockSize?.minimum = 1
    return capabilities
  }

  func read(into buffer: UnsafeMutableRawBufferPointer, at offset: UInt64) throws {
    try forEachPart(of: offset..<offset &+ UInt64(buffer.count)) { range, disk, place in
      let start = Int(range.lowerBound - offset)
      try read(disk, into: UnsafeMutableRawBufferPointer(rebasing: buffer[start..<start + range.count]), at: place)
      return true
    }
  }

  /// Reads whole blocks where the disk has no others: a device need not begin where one does.
  private func read(_ disk: any Connection, into buffer: UnsafeMutableRawBufferPointer, at place: UInt64) throws {
    let wanted = place..<place + UInt64(buffer.count)
    let whole = blocks(of: wanted, on: disk)
    guard whole != wanted else { return try disk.read(into: buffer, at: place) }
    try withUnsafeTemporaryAllocation(byteCount: whole.count, alignment: 16) { blocks in
      try disk.read(into: blocks, at: whole.lowerBound)
      let skipped = Int(place - whole.lowerBound)
      buffer.copyMemory(from: UnsafeRawBufferPointer(rebasing: blocks[skipped..<skipped + buffer.count]))
    }
  }

  /// The blocks that a range of a disk is in.
  private func blocks(of range: Range<UInt64>, on disk: any Connection) -> Range<UInt64> {
    let mask = UInt64(max(disk.capabilities.blockSize?.minimum ?? 1, 1)) - 1
    return range.lowerBound & ~mask..<min((range.upperBound + mask) & ~mask, disk.size)
  }

  func extents(
    in range: Range<UInt64>, one: Bool, _ body: (Range<UInt64>, ExtentState) throws -> Bool
  ) throws {
    try forEachPart(of: range) { part, disk, place in
      var isWanted = true
      let onDisk = place..<place + UInt64(part.count)
      guard disk.capabilities.canExtents else { return try body(part, .data) && !one }
      try disk.extents(in: blocks(of: onDisk, on: disk), one: one) { extent, state in
        let found = extent.clamped(to: onDisk)
        guard !found.isEmpty else { return true }
        let start = part.lowerBound + (found.lowerBound - place)
        isWanted = try body(start..<start + UInt64(found.count), state) && !one
        return isWanted
      }
      return isWanted
    }
  }

  func cache(_ range: Range<UInt64>) throws {
    try forEachPart(of: range) { part, disk, place in
      try disk.cache(place..<place + UInt64(part.count))
      return true
    }
  }

  func close() {
    for disk in disks.values { disk.close() }
  }

  private func forEachPart(
    of range: Range<UInt64>, _ body: (Range<UInt64>, any Connection, UInt64) throws -> Bool
  ) throws {
    try assembly.forEachPart(of: range) { part, disk, place in
      guard let disk = disks[disk] else { throw PluginError(errno: .inputOutput, "disk \(disk) is not served") }
      return try body(part, disk, place)
    }
  }
}
