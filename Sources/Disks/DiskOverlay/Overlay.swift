import DiskImage

/// A disk that can be written without touching the one below, which it shows where nothing was written.
///
/// Every method may be called from many threads at once.
public protocol Overlay: Sendable {
  /// In bytes: that of the disk below.
  var size: UInt64 { get }

  /// As `VirtualDisk` has it.
  func read(into buffer: UnsafeMutableRawBufferPointer, at offset: UInt64) throws(DiskError)
  /// Writes bytes from `offset` on, all of which lie on the disk.
  func write(_ buffer: UnsafeRawBufferPointer, at offset: UInt64) throws(DiskError)
  /// Makes a range of the disk, in bytes, read as zeros.
  func zero(_ range: Range<UInt64>) throws(DiskError)
  /// Brings what was written to the storage, if the overlay is kept.
  ///
  /// After it has failed once it fails: the kernel tells of what it could not write one time only.
  func flush() throws(DiskError)
  /// As `VirtualDisk` has it, but that neighbours may have the same state.
  func extents(in range: Range<UInt64>, _ body: (DiskExtent) throws(DiskError) -> Bool) throws(DiskError)
  /// Calls `body` with the ranges of the disk, in bytes, that are in the overlay: whole units of it, of which a part was
  /// written.
  func forEachWrittenRange(_ body: (Range<UInt64>) -> Void)
  /// Keeps what was written, and closes the overlay; the disk below remains open.
  /// - Throws: as `flush` does; it is closed nevertheless.
  func close() throws(DiskError)
}
