public import DiskImage
import Glibc
import Synchronization
public import SystemPackage

/// A copy-on-write overlay over a VMDK. Writes go to a VMDK snapshot (`monolithicSparse`) in VMware's own format, which
/// qemu can open together with the base disk. The base disk is not changed.
///
/// A write to part of a grain copies the rest of the grain from the base disk. Every method may be called from many
/// threads at once. The overlay takes no lock to read. Everything written before `flush` returned survives a crash;
/// later writes may or may not. A grain is added to the tables of the file only after its bytes are in stable storage.
/// A crash may therefore leave grains at the end of the file that no table refers to; their space is reused.
///
/// Memory: 4 bytes for each grain, where grains were written (`GrainEntries`), and 8 bytes for each table of 512
/// grains.
public final class VMDKOverlay: StoredOverlay {
  private static let stripeCount = 64

  /// Locked while a grain is copied to the overlay.
  private final class Stripe: Sendable {
    let lock = Mutex(())
  }

  let base: any VirtualDisk
  let snapshot: SnapshotFile
  let newGrains = NewGrains()
  private let stripes = (0..<VMDKOverlay.stripeCount).map { _ in Stripe() }
  /// Whether the file is marked as open for writing.
  private let isWritten = Atomic(false)
  private let beginning = Mutex(())
  private let flushing = Flushing()

  private init(_ base: any VirtualDisk, _ snapshot: SnapshotFile) {
    self.base = base
    self.snapshot = snapshot
  }

  /// A persistent overlay: it stays in its file. The file is created if it does not exist.
  public struct Persistent: Sendable {
    public var disk: VMDKOverlay
    /// Whether the file was created by this call.
    public var isNew: Bool
    /// Whether the base disk has changed since the overlay was created, according to the modification times of its
    /// files.
    public var baseWasChanged: Bool
    /// Whether the file is marked as cleanly closed. If not, writes that were not flushed may be missing.
    public var wasClosedCleanly: Bool
  }

  /// - Parameters:
  ///   - path: the file of the overlay. An existing file may come from another program, if it is an uncompressed
  ///     `monolithicSparse` snapshot of this disk.
  ///   - chain: the chain of the base disk, from `OpenedDisk`.
  ///   - files: the files of the base disk, from `OpenedDisk`. The overlay records their modification time.
  /// - Throws: `DiskError`: `EINVAL` if the disk is not a VMDK or the file is not a snapshot of it, `ENOTSUP` if this
  ///   kind of snapshot cannot be written, `EIO` if the file is damaged or was truncated, `EBUSY` if another program
  ///   has it open, `EFBIG` if the disk is larger than 2 TiB, otherwise the error from the operating system.
  public static func persistent(
    _ path: FilePath, over base: any VirtualDisk, chain: [DiskLink], files: [FilePath]
  ) throws(DiskError) -> Persistent {
    try persistent(path, over: base, SnapshotParent(base, chain: chain, files: files, overlay: path))
  }

  static func persistent(
    _ path: FilePath, over base: any VirtualDisk, _ parent: SnapshotParent
  ) throws(DiskError) -> Persistent {
    let snapshot = try SnapshotFile.open(path, over: parent, size: base.size)
    return Persistent(
      disk: VMDKOverlay(base, snapshot), isNew: snapshot.isNew, baseWasChanged: snapshot.baseWasChanged,
      wasClosedCleanly: snapshot.wasClosedCleanly)
  }

  public var size: UInt64 { base.size }

  var file: StoredFile { snapshot.file }
  var entries: GrainEntries { snapshot.entries }

  public func write(_ buffer: UnsafeRawBufferPointer, at offset: UInt64) throws(DiskError) {
    try check(offset, buffer.count)
    try forEachRun(of: offset..<offset + UInt64(buffer.count)) { (range, kind) throws(DiskError) in
      let start = Int(range.lowerBound - offset)
      let part = UnsafeRawBufferPointer(rebasing: buffer[start..<start + range.count])
      try beginWriting()
      if case .stored(let fileOffset) = kind {
        try file.write(part, at: fileOffset)
      } else {
        try forEachGrain(of: range) { (range) throws(DiskError) in
          let start = Int(range.lowerBound - offset)
          try put(range, UnsafeRawBufferPointer(rebasing: buffer[start..<start + range.count]))
        }
      }
      return true
    }
  }

  public func zero(_ range: Range<UInt64>) throws(DiskError) {
    try check(range.lowerBound, range.count)
    try forEachRun(of: range) { (range, kind) throws(DiskError) in
      switch kind {
      case .zeroed: break
      case .stored(let fileOffset):
        try beginWriting()
        try file.zero(fileOffset..<fileOffset + UInt64(range.count))
      case .absent: try zeroAbsent(range)
      }
      return true
    }
  }

  /// Zeroes a range of unallocated grains, except where the base disk is already zero: a guest that trims its disk
  /// mostly trims areas that were never written.
  private func zeroAbsent(_ range: Range<UInt64>) throws(DiskError) {
    var position = range.lowerBound
    // How far to look at once. To find that everything is data, the base disk may have to examine the whole range.
    var window = snapshot.grainBytes
    while position < range.upperBound {
      let limit = min(range.upperBound, position + window)
      let end = endOfZerosBelow(in: position..<limit)
      window = end == limit ? min(window * 2, 1 << 36) : snapshot.grainBytes
      position = end
      if end < limit {
        let grainEnd = min((position / snapshot.grainBytes + 1) * snapshot.grainBytes, range.upperBound)
        try beginWriting()
        try put(position..<grainEnd, nil)
        position = grainEnd
      }
    }
  }

  public func flush() throws(DiskError) {
    guard isWritten.load(ordering: .acquiring) else { return }
    try flushing.perform { () throws(DiskError) in
      let new = newGrains.take()
      // Flush the grains first: a table must not refer to a grain before it is there.
      try file.synchronize()
      guard !new.isEmpty else { return }
      try snapshot.tables.write(new, in: file)
      try file.synchronize()
    }
  }

  public func close() throws(DiskError) {
    defer { file.close() }
    try flush()
    if isWritten.load(ordering: .acquiring) { try snapshot.endWriting() }
  }

  /// Marks the file as open before the first write. If the disk is only read, its snapshot is not changed.
  private func beginWriting() throws(DiskError) {
    guard !isWritten.load(ordering: .acquiring) else { return }
    let outcome = beginning.withLock { _ -> DiskError? in
      guard !isWritten.load(ordering: .acquiring) else { return nil }
      do throws(DiskError) {
        try snapshot.beginWriting()
        isWritten.store(true, ordering: .releasing)
        return nil
      } catch {
        return error
      }
    }
    if let outcome { throw outcome }
  }

  /// The end of the zeros at the start of a range of the base disk, as far as its extents show.
  private func endOfZerosBelow(in range: Range<UInt64>) -> UInt64 {
    var end = range.lowerBound
    do throws(DiskError) {
      try base.extents(in: range) { extent in
        guard extent.state != .data else { return false }
        end = extent.range.upperBound
        return true
      }
    } catch {
      return range.lowerBound
    }
    return end
  }

  /// Writes part of a grain. The whole grain is then in the overlay.
  /// - Parameter bytes: `nil` to write zeros.
  private func put(_ range: Range<UInt64>, _ bytes: UnsafeRawBufferPointer?) throws(DiskError) {
    let grain = Int(range.lowerBound / snapshot.grainBytes)
    let outcome = stripes[grain % Self.stripeCount].lock.withLock { _ -> Result<(UInt32, isFull: Bool), DiskError> in
      let entry = entries[grain]
      guard entry <= GrainEntries.zeroed else { return .success((entry, false)) }
      do throws(DiskError) {
        return .success((GrainEntries.absent, try store(grain, was: entry, range, bytes)))
      } catch {
        return .failure(error)
      }
    }
    switch try outcome.get() {
    case (GrainEntries.absent, let isFull): if isFull { try flush() }
    case (let sector, _):
      // Another thread has stored the grain in the meantime.
      let fileOffset = fileOffset(of: range.lowerBound, sector)
      if let bytes {
        try file.write(bytes, at: fileOffset)
      } else {
        try file.zero(fileOffset..<fileOffset + UInt64(range.count))
      }
    }
  }

  /// Allocates a grain, writes its bytes, and then sets its entry.
  /// - Returns: whether the new entries should now be flushed to the tables.
  private func store(
    _ grain: Int, was old: UInt32, _ range: Range<UInt64>, _ bytes: UnsafeRawBufferPointer?
  ) throws(DiskError) -> Bool {
    let whole = self.range(ofGrain: grain)
    var entry = GrainEntries.zeroed
    if bytes != nil || range != whole || !snapshot.hasZeroedGrains {
      let (sector, isZeros) = try snapshot.room.take(in: file)
      entry = sector
      do throws(DiskError) {
        let offset = UInt64(sector) * 512
        if let bytes, UInt64(bytes.count) == snapshot.grainBytes {
          try file.write(bytes, at: offset)
        } else if bytes == nil, range == whole {
          if !isZeros { try file.zero(offset..<offset + snapshot.grainBytes) }
        } else {
          try fill(whole, at: offset, isZeroed: old == GrainEntries.zeroed, but: range, bytes)
        }
      } catch {
        snapshot.room.release(sector)
        throw error
      }
    }
    // Register the entry before another thread can see the grain. Otherwise that thread could write to the grain and
    // flush, and the entry would be missing from the tables.
    let isFull = newGrains.add(grain, entry)
    entries[grain] = entry
    return isFull
  }

  /// Writes a whole grain: the given part, and the rest from the base disk, or zeros if `isZeroed`.
  private func fill(
    _ grain: Range<UInt64>, at offset: UInt64, isZeroed: Bool, but range: Range<UInt64>,
    _ bytes: UnsafeRawBufferPointer?
  ) throws(DiskError) {
    var failure: DiskError?
    withUnsafeTemporaryAllocation(byteCount: Int(snapshot.grainBytes), alignment: 16) { buffer in
      func part(_ range: Range<UInt64>) -> UnsafeMutableRawBufferPointer {
        let start = Int(range.lowerBound - grain.lowerBound)
        return UnsafeMutableRawBufferPointer(rebasing: buffer[start..<start + range.count])
      }
      do throws(DiskError) {
        if isZeroed {
          buffer.initializeMemory(as: UInt8.self, repeating: 0)
        } else {
          for rest in [grain.lowerBound..<range.lowerBound, range.upperBound..<grain.upperBound] where !rest.isEmpty {
            try base.read(into: part(rest), at: rest.lowerBound)
          }
          // The part of the grain beyond the end of the disk.
          buffer[grain.count...].initializeMemory(as: UInt8.self, repeating: 0)
        }
        if let bytes {
          part(range).copyMemory(from: bytes)
        } else {
          part(range).initializeMemory(as: UInt8.self, repeating: 0)
        }
        try file.write(UnsafeRawBufferPointer(buffer), at: offset)
      } catch {
        failure = error
      }
    }
    if let failure { throw failure }
  }
}
