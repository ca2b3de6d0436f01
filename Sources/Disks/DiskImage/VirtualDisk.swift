import Glibc
public import SystemPackage

/// A disk that can be read: a flat array of `size` bytes.
///
/// Every method may be called from many threads at once. Reads take no lock.
public protocol VirtualDisk: Sendable {
  /// The disk's size in bytes, fixed when it was opened.
  var size: UInt64 { get }

  /// Fills `buffer` with the bytes from `offset` (in bytes) on.
  ///
  /// The whole buffer is filled, or an error is thrown and its content is undefined. An empty buffer is allowed.
  /// - Throws: `DiskError` with `EINVAL` where a byte asked for lies at or beyond `size`, `EPERM` for a range that the
  ///   image declares inaccessible, `EIO` for a range that is missing or damaged in the image, and otherwise what the
  ///   operating system said.
  func read(into buffer: UnsafeMutableRawBufferPointer, at offset: UInt64) throws(DiskError)

  /// Calls `body` with the state of each part of `range` (in bytes), in order of offset.
  ///
  /// The extents are not empty, lie inside `range`, touch each other without a gap and together cover it. Neighbours
  /// have different states. No extent is looked for after `body` returned false, so asking for the first one of a
  /// large range is cheap. A range that is damaged is reported as data: reading it tells what is wrong.
  /// - Parameter body: returns true to go on and false to stop. What it throws ends the walk and is thrown on.
  /// - Throws: `DiskError` with `EINVAL` where `range` ends beyond `size`, otherwise what the operating system said.
  func extents(in range: Range<UInt64>, _ body: (DiskExtent) throws(DiskError) -> Bool) throws(DiskError)

  /// Calls `body` with the place of each part of `range` (in bytes), in order of offset.
  ///
  /// The places are not empty, lie inside `range`, touch each other without a gap and together cover it. Neighbours of
  /// which one continues the other are one place, except that each compressed grain is one of its own. No place is
  /// looked for after `body` returned false.
  /// - Parameter body: returns true to go on and false to stop. What it throws ends the walk and is thrown on.
  /// - Throws: `DiskError` with `EINVAL` where `range` ends beyond `size`.
  func places(in range: Range<UInt64>, _ body: (DiskPlace) throws(DiskError) -> Bool) throws(DiskError)

  /// Closes the files behind the disk. Later reads fail with `EBADF`; closing again does nothing.
  func close()
}

extension VirtualDisk {
  /// Calls `body` with each range of the disk that shows bytes of a part of a file: the reverse of `places(in:)`.
  ///
  /// In order of the disk. Bytes of the file that no range of the disk shows have none: headers and tables, what was
  /// given up, and what a snapshot has replaced. The place of a compressed grain that shares a byte with `stored` is
  /// given whole, any other is cut to it.
  /// - Parameters:
  ///   - file: as `OpenedDisk.files` has it.
  ///   - stored: in bytes from the start of the file.
  ///   - body: returns true to go on and false to stop. What it throws ends the walk and is thrown on.
  /// - Throws: only what `body` throws.
  public func places(
    ofBytes stored: Range<UInt64>, in file: FilePath, _ body: (DiskPlace) throws(DiskError) -> Bool
  ) throws(DiskError) {
    try places(in: 0..<size) { (place) throws(DiskError) -> Bool in
      switch place.storage {
      case .file(file, let offset):
        let common = (offset..<(offset &+ UInt64(place.range.count))).clamped(to: stored)
        guard !common.isEmpty else { return true }
        let start = place.range.lowerBound &+ (common.lowerBound &- offset)
        return try body(
          DiskPlace(
            range: start..<(start &+ UInt64(common.count)), storage: .file(file, offset: common.lowerBound)))
      case .compressed(file, let range, _) where range.overlaps(stored): return try body(place)
      default: return true
      }
    }
  }

  /// The range of `count` bytes at `offset`.
  /// - Throws: `DiskError` with `EINVAL` where the range does not lie within the disk.
  func checkedRange(at offset: UInt64, count: Int, path: FilePath) throws(DiskError) -> Range<UInt64> {
    let (end, overflow) = offset.addingReportingOverflow(UInt64(count))
    guard !overflow, end <= size else {
      throw DiskError(path, "a read of \(count) bytes at offset \(offset) goes beyond the size \(size)", errno: EINVAL)
    }
    return offset..<end
  }

  /// - Throws: `DiskError` with `EINVAL` where `range` does not lie within the disk.
  func check(_ range: Range<UInt64>, path: FilePath) throws(DiskError) {
    guard range.upperBound <= size else {
      throw DiskError(
        path, "the range \(range.lowerBound)-\(range.upperBound) goes beyond the size \(size)", errno: EINVAL)
    }
  }
}
