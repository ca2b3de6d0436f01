import BlockStack
import Glibc
import WalkRecord

/// Translates what a walk found to the guest's disks, and checks what was read as a proof.
extension WalkAssembler {
  /// Locates every copy of what was read and of what the filesystem reported. If an object is reported beyond the
  /// device's end, the part on the device is located, and the object counts as a failure. Unwritten space that cannot
  /// be located is only counted.
  /// - Parameters:
  ///   - device: the table's name for the filesystem's address space.
  ///   - isAllRead: whether everything that can be read was read. A reported object that the table cannot locate
  ///     then counts as a failure.
  ///   - written: what the appliance has written. If it wrote to a thin volume or a cached one, it moved blocks there,
  ///     and reads of them prove nothing.
  /// - Returns: an object that is not where the filesystem says, either because reading contradicts it or because
  ///   the table cannot locate it; nil if there is none, if cancelled, and if `excess` is set.
  package mutating func resolve(
    _ table: DeviceTable, device: Substring, isAllRead: Bool = false, written: WrittenBlocks = WrittenBlocks(),
    isCancelled: () -> Bool = { false }
  ) -> Record.ObjectID? {
    for reads in proofs {
      guard !isCancelled() else { return nil }
      switch proof(by: reads, table, device, written) {
      case .proved: continue
      case .elsewhere: return reads.chunk.object
      case .unseen: if unseen.last != reads.chunk.object { unseen.append(reads.chunk.object) }
      }
    }
    proofs = []
    if table.hasCopies {
      for index in found.indices {
        if index & 0xfff == 0, isCancelled() { return nil }
        guard found.count <= bounds.ranges else {
          excess = .tooManyRanges(bounds.ranges)
          return nil
        }
        addCopies(of: found[index], table, device)
      }
    }
    let end = table.end(of: device) ?? .max
    var outside: Set<Record.ObjectID> = []
    var unlocated: Set<Record.ObjectID> = []
    for (count, extent) in reported.enumerated() {
      if count & 0xfff == 0, isCancelled() { return nil }
      // One piece may give many ranges, one for each stripe.
      guard found.count <= bounds.ranges else {
        excess = .tooManyRanges(bounds.ranges)
        return nil
      }
      guard let locations = table.locations(of: extent.physical, on: device) else {
        if extent.role == .metadata { continue }
        if extent.role == .unwritten {
          unlocatedUnwritten &+= 1
          continue
        }
        guard isAllRead else { return extent.object }
        unlocated.insert(extent.object)
        continue
      }
      // Bytes beyond the device's end belong to something else.
      if extent.physical.upperBound > end {
        if extent.role == .unwritten { unlocatedUnwritten &+= 1 } else { outside.insert(extent.object) }
      }
      for location in locations {
        guard let disk = UInt8(exactly: location.disk) else { continue }
        found.append(
          Found(
            object: extent.object, diskRange: ChunkReads.DiskRange(disk: disk, range: location.range),
            offset: extent.isEncoded ? extent.offset : extent.offset &+ location.offset, isEncoded: extent.isEncoded,
            role: extent.role))
      }
    }
    reported = []
    for object in outside.sorted() {
      let (parent, name) = tree.parentAndName(of: object)
      addFailure(in: parent, name, EUCLEAN)
    }
    for object in unlocated.sorted() {
      let (parent, name) = tree.parentAndName(of: object)
      addFailure(in: parent, name, ENOTSUP)
    }
    return nil
  }

  /// What reading a piece shows about the location that the filesystem reports.
  private enum Proof {
    case proved
    /// All reads are at that location or of what the appliance wrote, but some of the piece was not read there.
    case unseen
    case elsewhere
  }

  /// Checks that what was read of a piece is part of one of its copies, unless some of it is on a missing device.
  private func proof(
    by reads: ChunkReads, _ table: DeviceTable, _ device: Substring, _ written: WrittenBlocks
  ) -> Proof {
    let chunk = reads.chunk
    let (end, overflow) = chunk.physical.addingReportingOverflow(chunk.length)
    guard !overflow, let locations = table.locations(of: chunk.physical..<end, on: device) else { return .elsewhere }
    // A read is rounded up to a block. Different bytes of a piece may be read from different copies.
    let block: UInt64 = 4096
    let allowed = locations.map { location in
      ChunkReads.DiskRange(
        disk: UInt8(truncatingIfNeeded: location.disk),
        range: location.range.lowerBound..<(min(location.range.upperBound, UInt64.max - block) + block - 1) / block
          * block)
    }
    let stored = locations.map { location in
      ChunkReads.DiskRange(
        disk: 0, range: location.offset..<location.offset + (location.range.upperBound - location.range.lowerBound))
    }
    // Data on a missing device is reconstructed from the others, so reads prove nothing.
    let whole = ChunkReads.DiskRange(disk: 0, range: 0..<chunk.length)
    guard ChunkReads.isCovered(whole, by: stored) else { return .proved }
    var read: UInt64 = 0
    for diskRange in reads.merged {
      if ChunkReads.isCovered(diskRange, by: allowed) {
        read &+= diskRange.range.upperBound - diskRange.range.lowerBound
      } else if !written.cover(diskRange) {
        return .elsewhere
      }
    }
    return read >= chunk.length ? .proved : .unseen
  }

  /// Adds the other disk ranges that hold the same bytes as a range that was read.
  private mutating func addCopies(of original: Found, _ table: DeviceTable, _ device: Substring) {
    let diskRange = original.diskRange
    for part in table.parts(of: device, heldBy: diskRange.range, ofDisk: Int(diskRange.disk)) {
      for copy in table.locations(of: part.range, on: device) ?? [] {
        let start = part.onDisk &+ copy.offset
        guard let disk = UInt8(exactly: copy.disk), disk != diskRange.disk || copy.range.lowerBound != start else {
          continue
        }
        var other = original
        other.diskRange = ChunkReads.DiskRange(disk: disk, range: copy.range)
        if !original.isEncoded { other.offset = original.offset &+ (start &- diskRange.range.lowerBound) }
        found.append(other)
      }
    }
  }
}
