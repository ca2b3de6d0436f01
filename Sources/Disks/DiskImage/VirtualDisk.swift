import Glibc
public import SystemPackage

/// A readable disk: a flat array of `size` bytes.
///
/// Every method may be called from many threads at once.
public protocol VirtualDisk: Sendable {
  /// The size of the disk in bytes. It does not change after the disk is opened.
  var size: UInt64 { get }

  /// Fills `buffer`, starting at `offset` (in bytes).
  ///
  /// Either the whole buffer is filled, or an error is thrown and the contents of the buffer are undefined. The buffer
  /// may be empty.
  /// - Throws: `DiskError`: `EINVAL` if the request extends beyond `size`, `EPERM` if the image declares the range
  ///   inaccessible, `EIO` if the range is missing or damaged in the image, otherwise the error from the operating
  ///   system.
  func read(into buffer: UnsafeMutableRawBufferPointer, at offset: UInt64) throws(DiskError)

  /// Calls `body` with the state of each part of `range` (in bytes), in order of offset.
  ///
  /// The extents are not empty, lie inside `range`, and cover it without gaps or overlaps. Adjacent extents have
  /// different states. The search stops when `body` returns false, so asking only for the first extent of a large range
  /// is cheap. A damaged range is reported as data: reading it gives the error.
  /// - Parameter body: returns true to continue and false to stop. An error that it throws ends the walk and is passed
  ///   on.
  /// - Throws: `DiskError`: `EINVAL` if `range` ends beyond `size`, otherwise the error from the operating system.
  func extents(in range: Range<UInt64>, _ body: (DiskExtent) throws(DiskError) -> Bool) throws(DiskError)

  /// Calls `body` with where each part of `range` (in bytes) is stored, in order of offset.
  ///
  /// The parts are not empty, lie inside `range`, and cover it without gaps or overlaps. Adjacent parts that are also
  /// contiguous in storage are reported as one, but each compressed grain is reported separately. The search stops when
  /// `body` returns false.
  /// - Parameter body: returns true to continue and false to stop. An error that it throws ends the walk and is passed
  ///   on.
  /// - Throws: `DiskError` with `EINVAL` if `range` ends beyond `size`.
  func locations(in range: Range<UInt64>, _ body: (DiskLocation) throws(DiskError) -> Bool) throws(DiskError)

  /// Closes the files of the disk. Later reads fail with `EBADF`. It is safe to close a disk twice.
  func close()
}

extension VirtualDisk {
  /// Finds the ranges of the disk that are stored in a given part of a file. This is the reverse of `locations(in:)`.
  ///
  /// `body` is called in disk order. Bytes of the file that are not visible on the disk are not reported: headers and
  /// tables, unused grains, and data that a snapshot has replaced. A compressed grain that overlaps `stored` is
  /// reported whole; any other range is clipped to `stored`.
  /// - Parameters:
  ///   - file: a path from `OpenedDisk.files`.
  ///   - stored: in bytes from the start of the file.
  ///   - body: returns true to continue and false to stop. An error that it throws ends the walk and is passed on.
  /// - Throws: only what `body` throws.
  public func locations(
    ofBytes stored: Range<UInt64>, in file: FilePath, _ body: (DiskLocation) throws(DiskError) -> Bool
  ) throws(DiskError) {
    try locations(in: 0..<size) { (location) throws(DiskError) -> Bool in
      switch location.storage {
      case .file(file, let offset):
        let common = (offset..<(offset &+ UInt64(location.range.count))).clamped(to: stored)
        guard !common.isEmpty else { return true }
        let start = location.range.lowerBound &+ (common.lowerBound &- offset)
        return try body(
          DiskLocation(
            range: start..<(start &+ UInt64(common.count)), storage: .file(file, offset: common.lowerBound)))
      case .compressed(file, let range, _) where range.overlaps(stored): return try body(location)
      default: return true
      }
    }
  }

  /// The range of `count` bytes at `offset`.
  /// - Throws: `DiskError` with `EINVAL` if the range does not lie within the disk.
  func checkedRange(at offset: UInt64, count: Int, path: FilePath) throws(DiskError) -> Range<UInt64> {
    let (end, overflow) = offset.addingReportingOverflow(UInt64(count))
    guard !overflow, end <= size else {
      throw DiskError(path, "a read of \(count) bytes at offset \(offset) goes beyond the size \(size)", errno: EINVAL)
    }
    return offset..<end
  }

  /// - Throws: `DiskError` with `EINVAL` if `range` does not lie within the disk.
  func check(_ range: Range<UInt64>, path: FilePath) throws(DiskError) {
    guard range.upperBound <= size else {
      throw DiskError(
        path, "the range \(range.lowerBound)-\(range.upperBound) goes beyond the size \(size)", errno: EINVAL)
    }
  }
}
