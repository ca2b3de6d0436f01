import DiskImage
import Glibc
import Synchronization
public import SystemPackage

/// A copy-on-write overlay in a sparse file, in clusters of 64 KiB. The base disk is not changed.
///
/// A write to part of a cluster copies the rest of the cluster from the base disk. Every method may be called from many
/// threads at once. If the overlay is persistent, everything written before `flush` returned survives a crash; later writes
/// may or may not.
public final class OverlayDisk: StoredOverlay {
  private static let clusterSize = UInt64(OverlayHeader.clusterSize)
  private static let stripeCount = 64

  /// Locked while a cluster is copied to the overlay.
  private final class Stripe: Sendable {
    let lock = Mutex(())
  }

  private let base: any VirtualDisk
  let file: StoredFile
  private let header: OverlayHeader
  private let clusters: ClusterSet
  private let isPersistent: Bool
  private let stripes = (0..<OverlayDisk.stripeCount).map { _ in Stripe() }
  private let flushing = Flushing()

  private init(_ base: any VirtualDisk, _ file: OverlayFile, _ clusters: ClusterSet, isPersistent: Bool) {
    self.base = base
    self.file = file.file
    header = file.header
    self.clusters = clusters
    self.isPersistent = isPersistent
  }

  /// Creates an overlay that is deleted when it is closed.
  /// - Parameter directory: the directory whose filesystem stores the overlay, in a file without a name.
  public static func temporary(over base: any VirtualDisk, in directory: FilePath) throws(DiskError) -> OverlayDisk {
    try checkSize(of: base, directory)
    let header = OverlayHeader(
      diskSize: base.size, changed: 0, identity: Array(repeating: 0, count: OverlayHeader.identitySize))
    let file = try OverlayFile.temporary(header, in: directory)
    let words = [UInt64](repeating: 0, count: header.bitmapBytes / 8)
    return OverlayDisk(base, file, ClusterSet(words: words), isPersistent: false)
  }

  /// A persistent overlay: it stays in its file. The file is created if it does not exist.
  public struct Persistent: Sendable {
    public var disk: OverlayDisk
    /// Whether the file was created by this call.
    public var isNew: Bool
    /// Whether the base disk has changed since the overlay was created, according to the modification times of its
    /// files.
    public var baseWasChanged: Bool
  }

  /// - Parameters:
  ///   - path: the file of the overlay.
  ///   - files: the files of the base disk. The overlay records their modification time.
  /// - Throws: `DiskError`: `EINVAL` if the file is not an overlay of this disk or was truncated, `EBUSY` if another
  ///   server has it open, otherwise the error from the operating system.
  public static func persistent(
    _ path: FilePath, over base: any VirtualDisk, files: [FilePath]
  ) throws(DiskError) -> Persistent {
    try checkSize(of: base, path)
    let identity: [UInt8]
    do { identity = try BaseIdentity.digest(of: base) } catch {
      throw DiskError(path, "\(error)", errno: EIO)
    }
    let changed = BaseIdentity.lastChange(of: files)
    return try persistent(path, over: base, OverlayHeader(diskSize: base.size, changed: changed, identity: identity))
  }

  /// - Parameter wanted: the header that a new overlay of this disk has.
  static func persistent(
    _ path: FilePath, over base: any VirtualDisk, _ wanted: OverlayHeader
  ) throws(DiskError) -> Persistent {
    let (file, isNew) = try OverlayFile.persistent(path, wanted)
    do {
      let clusters = ClusterSet(words: try file.bitmap())
      return Persistent(
        disk: OverlayDisk(base, file, clusters, isPersistent: true), isNew: isNew,
        baseWasChanged: file.header.changed != wanted.changed)
    } catch {
      file.file.close()
      throw error
    }
  }

  /// Checks that the file can be used for a persistent overlay of some disk: either it does not exist, or it is an
  /// overlay.
  /// - Throws: `DiskError`: `EINVAL` if the file is not an overlay or was truncated, otherwise the error from the
  ///   operating system.
  public static func checkKind(of path: FilePath) throws(DiskError) { try OverlayFile.checkKind(of: path) }

  private static func checkSize(of base: any VirtualDisk, _ path: FilePath) throws(DiskError) {
    guard base.size <= OverlayHeader.maximumBytes else {
      throw DiskError(path, "the disk is too large for an overlay: 64 TiB at most", errno: EFBIG)
    }
  }

  public var size: UInt64 { base.size }

  public func read(into buffer: UnsafeMutableRawBufferPointer, at offset: UInt64) throws(DiskError) {
    try check(offset, buffer.count)
    try forEachRun(of: offset..<offset + UInt64(buffer.count)) { (range, isHere) throws(DiskError) in
      let start = Int(range.lowerBound - offset)
      let part = UnsafeMutableRawBufferPointer(rebasing: buffer[start..<start + range.count])
      if isHere {
        try file.read(into: part, at: fileOffset(of: range.lowerBound))
      } else {
        try base.read(into: part, at: range.lowerBound)
      }
      return true
    }
  }

  public func write(_ buffer: UnsafeRawBufferPointer, at offset: UInt64) throws(DiskError) {
    try check(offset, buffer.count)
    try forEachCluster(of: offset..<offset + UInt64(buffer.count)) { (range) throws(DiskError) in
      let start = Int(range.lowerBound - offset)
      let part = UnsafeRawBufferPointer(rebasing: buffer[start..<start + range.count])
      try put(range) { (fileOffset) throws(DiskError) in try file.write(part, at: fileOffset) }
    }
  }

  public func zero(_ range: Range<UInt64>) throws(DiskError) {
    try check(range.lowerBound, range.count)
    try forEachCluster(of: range) { (range) throws(DiskError) in
      try put(range) { (fileOffset) throws(DiskError) in try file.zero(fileOffset..<fileOffset + UInt64(range.count)) }
    }
  }

  public func flush() throws(DiskError) {
    // A temporary overlay need not survive a crash.
    guard isPersistent else { return }
    try flushing.perform { () throws(DiskError) in
      let changed = clusters.takeChanged()
      // Flush the clusters first: a bit must not be set on disk before its cluster is there.
      try file.synchronize()
      guard !changed.isEmpty else { return }
      for (number, word) in changed {
        try [word.littleEndian].withBytes { (bytes) throws(DiskError) in
          try file.write(bytes, at: UInt64(OverlayHeader.size + number * 8))
        }
      }
      try file.synchronize()
    }
  }

  public func extents(in range: Range<UInt64>, _ body: (DiskExtent) throws(DiskError) -> Bool) throws(DiskError) {
    try check(range.lowerBound, range.count)
    try forEachRun(of: range) { (range, isHere) throws(DiskError) in
      guard isHere else {
        var isWanted = true
        try base.extents(in: range) { (extent) throws(DiskError) in
          isWanted = try body(extent)
          return isWanted
        }
        return isWanted
      }
      return try extentsHere(range, body)
    }
  }

  public func forEachWrittenRange(_ body: (Range<UInt64>) -> Void) {
    var cluster = 0
    while cluster < header.clusterCount {
      let run = clusters.run(in: cluster..<header.clusterCount)
      let end = cluster + run.count
      if run.isThere {
        body(UInt64(cluster) * Self.clusterSize..<min(UInt64(end) * Self.clusterSize, size))
      }
      cluster = end
    }
  }

  public func close() throws(DiskError) {
    defer { file.close() }
    try flush()
  }

  /// The extents of clusters that are in the overlay. Holes in the file are zeros.
  private func extentsHere(
    _ range: Range<UInt64>, _ body: (DiskExtent) throws(DiskError) -> Bool
  ) throws(DiskError) -> Bool {
    try file.forEachPart(
      of: fileOffset(of: range.lowerBound)..<fileOffset(of: range.upperBound), length: header.fileSize
    ) { (part, isHole) throws(DiskError) in
      let range = offset(of: part.lowerBound)..<offset(of: part.upperBound)
      return try body(DiskExtent(range: range, state: isHole ? .hole : .data))
    }
  }

  private func offset(of fileOffset: UInt64) -> UInt64 { fileOffset - min(fileOffset, header.dataOffset) }

  private func fileOffset(of offset: UInt64) -> UInt64 { header.dataOffset + offset }

  /// Calls `body` with each part of a range, and whether it is in the overlay, until it returns false.
  private func forEachRun(
    of range: Range<UInt64>, _ body: (Range<UInt64>, Bool) throws(DiskError) -> Bool
  ) throws(DiskError) {
    var position = range.lowerBound
    while position < range.upperBound {
      let first = Int(position / Self.clusterSize)
      let last = Int((range.upperBound - 1) / Self.clusterSize)
      let run = clusters.run(in: first..<last + 1)
      let end = min(UInt64(first + run.count) * Self.clusterSize, range.upperBound)
      guard try body(position..<end, run.isThere) else { return }
      position = end
    }
  }

  private func forEachCluster(
    of range: Range<UInt64>, _ body: (Range<UInt64>) throws(DiskError) -> Void
  ) throws(DiskError) {
    var position = range.lowerBound
    while position < range.upperBound {
      let end = min((position / Self.clusterSize + 1) * Self.clusterSize, range.upperBound)
      try body(position..<end)
      position = end
    }
  }

  /// Writes part of a cluster. The whole cluster is then in the overlay.
  /// - Parameter body: writes the part at the given offset of the file.
  private func put(_ range: Range<UInt64>, _ body: (UInt64) throws(DiskError) -> Void) throws(DiskError) {
    let cluster = Int(range.lowerBound / Self.clusterSize)
    guard !clusters.contains(cluster) else { return try body(fileOffset(of: range.lowerBound)) }
    let outcome = stripes[cluster % Self.stripeCount].lock.withLock { _ -> DiskError? in
      do throws(DiskError) {
        if !clusters.contains(cluster) { try copy(cluster, but: range) }
        try body(fileOffset(of: range.lowerBound))
        clusters.insert(cluster)
        return nil
      } catch {
        return error
      }
    }
    if let outcome { throw outcome }
  }

  /// Copies the rest of a cluster, outside the part that is about to be written, from the base disk.
  private func copy(_ cluster: Int, but written: Range<UInt64>) throws(DiskError) {
    let start = UInt64(cluster) * Self.clusterSize
    let end = min(start + Self.clusterSize, size)
    for rest in [start..<written.lowerBound, written.upperBound..<end] where !rest.isEmpty {
      var buffer = [UInt8](repeating: 0, count: rest.count)
      try buffer.withMutableBytes { (buffer) throws(DiskError) in
        try base.read(into: buffer, at: rest.lowerBound)
        try file.write(UnsafeRawBufferPointer(buffer), at: fileOffset(of: rest.lowerBound))
      }
    }
  }
}
