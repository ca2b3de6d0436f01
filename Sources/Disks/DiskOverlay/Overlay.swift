import DiskImage

/// A writable disk over a base disk. The base disk is not changed; it is visible wherever nothing has been written.
///
/// Every method may be called from many threads at once.
public protocol Overlay: Sendable {
  /// The size in bytes, which is that of the base disk.
  var size: UInt64 { get }

  /// Reads as `VirtualDisk.read` does.
  func read(into buffer: UnsafeMutableRawBufferPointer, at offset: UInt64) throws(DiskError)
  /// Writes the buffer at `offset` (in bytes). The whole range must lie within the disk.
  func write(_ buffer: UnsafeRawBufferPointer, at offset: UInt64) throws(DiskError)
  /// Makes a range of the disk (in bytes) read as zeros.
  func zero(_ range: Range<UInt64>) throws(DiskError)
  /// Flushes everything written so far to stable storage, if the overlay is persistent.
  ///
  /// Once a flush has failed, all later ones fail too, because the kernel reports a write error only once.
  func flush() throws(DiskError)
  /// Works as `VirtualDisk.extents` does, except that adjacent extents may have the same state.
  func extents(in range: Range<UInt64>, _ body: (DiskExtent) throws(DiskError) -> Bool) throws(DiskError)
  /// Calls `body` with the ranges of the disk (in bytes) that are in the overlay. These are whole clusters or grains,
  /// of which at least a part has been written.
  func forEachWrittenRange(_ body: (Range<UInt64>) -> Void)
  /// Flushes the overlay if it is persistent, and closes it. The base disk remains open.
  /// - Throws: as `flush` does. The overlay is closed nevertheless.
  func close() throws(DiskError)
}
