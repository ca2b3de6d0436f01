public import DiskImage
import Glibc
import Synchronization
public import SystemPackage

/// A disk that can be written without touching the one below, a VMDK: what is written goes to a VMDK snapshot of it
/// (`monolithicSparse`) in VMware's own form, which qemu opens over the disk.
///
/// A write of less than a grain takes the rest from the disk below. Every method may be called from many threads at
/// once, and reads take no lock. What was given before `flush` returned is there after a crash; what came later may be.
/// A grain is in the file's tables only when its bytes are in the storage: a crash may leave grains that no table knows
/// at the end of the file, which are used anew.
///
/// Memory: 4 bytes a grain, where grains were written (`GrainEntries`), and 8 for each table of 512.
public final class VMDKOverlay: StoredOverlay {
  private static let stripeCount = 64

  /// Held while a grain becomes one of the overlay's.
  private final class Stripe: Sendable {
    let lock = Mutex(())
  }

  let base: any VirtualDisk
  let snapshot: SnapshotFile
  let newGrains = NewGrains()
  private let stripes = (0..<VMDKOverlay.stripeCount).map { _ in Stripe() }
  /// Whether the file says that it is being written.
  private let isWritten = Atomic(false)
  private let beginning = Mutex(())
  private let flushing = Flushing()

  private init(_ base: any VirtualDisk, _ snapshot: SnapshotFile) {
    self.base = base
    self.snapshot = snapshot
  }

  /// An overlay that is kept in a file, which is begun if there is none.
  public struct Kept: Sendable {
    public var disk: VMDKOverlay
    /// Whether the file was begun now.
    public var isNew: Bool
    /// Whether the disk below was changed since it was begun, as far as its files' times tell.
    public var baseWasChanged: Bool
    /// Whether the file says that all that was written is in it. If not, what was not flushed may be missing.
    public var wasClosedCleanly: Bool
  }

  /// - Parameters:
  ///   - path: the overlay's file. One that is there may be another program's work, as long as it is an uncompressed
  ///     `monolithicSparse` snapshot of this disk.
  ///   - chain: the disk's, as `OpenedDisk` has it.
  ///   - files: the disk's, as `OpenedDisk` has them; their times are kept in mind.
  /// - Throws: `DiskError` with `EINVAL` where the disk is no VMDK or the file no snapshot of it, `ENOTSUP` where it is
  ///   one of a kind that cannot be written, `EIO` where it is damaged or was truncated, `EBUSY` where somebody else has
  ///   it open, `EFBIG` where the disk is larger than 2 TiB, and otherwise what the operating system said.
  public static func kept(
    _ path: FilePath, over base: any VirtualDisk, chain: [DiskLink], files: [FilePath]
  ) throws(DiskError) -> Kept {
    try kept(path, over: base, SnapshotParent(base, chain: chain, files: files, overlay: path))
  }

  static func kept(
    _ path: FilePath, over base: any VirtualDisk, _ parent: SnapshotParent
  ) throws(DiskError) -> Kept {
    let snapshot = try SnapshotFile.open(path, over: parent, size: base.size)
    return Kept(
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
      if case .stored(let place) = kind {
        try file.write(part, at: place)
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
      case .stored(let place):
        try beginWriting()
        try file.zero(place..<place + UInt64(range.count))
      case .absent: try zeroAbsent(range)
      }
      return true
    }
  }

  /// Zeroes a range of grains that are not here, but what is zeros below: a guest that trims its disk means mostly what was
  /// never written.
  private func zeroAbsent(_ range: Range<UInt64>) throws(DiskError) {
    var position = range.lowerBound
    // How far is looked at once: the disk below may have to look through all of it to say that it is data.
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
      // First the grains: a table must not have one before it is there.
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

  /// A disk that is only read keeps its snapshot as it is.
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

  /// How far a range of the disk below is zeros, as far as that says so.
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

  /// Writes a part of a grain, all of which is then in the overlay.
  /// - Parameter bytes: nil for zeros.
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
      // Another thread was first.
      let place = place(of: range.lowerBound, sector)
      if let bytes { try file.write(bytes, at: place) } else { try file.zero(place..<place + UInt64(range.count)) }
    }
  }

  /// Gives a grain its room and its bytes, and then its entry.
  /// - Returns: whether it is time to bring the entries to the tables.
  private func store(
    _ grain: Int, was old: UInt32, _ range: Range<UInt64>, _ bytes: UnsafeRawBufferPointer?
  ) throws(DiskError) -> Bool {
    let whole = self.range(ofGrain: grain)
    var entry = GrainEntries.zeroed
    if bytes != nil || range != whole || !snapshot.hasZeroedGrains {
      let (sector, isZeros) = try snapshot.room.take(in: file)
      entry = sector
      do throws(DiskError) {
        let place = UInt64(sector) * 512
        if let bytes, UInt64(bytes.count) == snapshot.grainBytes {
          try file.write(bytes, at: place)
        } else if bytes == nil, range == whole {
          if !isZeros { try file.zero(place..<place + snapshot.grainBytes) }
        } else {
          try fill(whole, at: place, isZeroed: old == GrainEntries.zeroed, but: range, bytes)
        }
      } catch {
        snapshot.room.release(sector)
        throw error
      }
    }
    // The entry is to be written before a thread can know of the grain, and flush what it has written there.
    let isFull = newGrains.add(grain, entry)
    entries[grain] = entry
    return isFull
  }

  /// Writes a whole grain, of which a part is given and the rest is taken from the disk below.
  private func fill(
    _ grain: Range<UInt64>, at place: UInt64, isZeroed: Bool, but range: Range<UInt64>, _ bytes: UnsafeRawBufferPointer?
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
          // What is behind the end of the disk.
          buffer[grain.count...].initializeMemory(as: UInt8.self, repeating: 0)
        }
        if let bytes {
          part(range).copyMemory(from: bytes)
        } else {
          part(range).initializeMemory(as: UInt8.self, repeating: 0)
        }
        try file.write(UnsafeRawBufferPointer(buffer), at: place)
      } catch {
        failure = error
      }
    }
    if let failure { throw failure }
  }
}
