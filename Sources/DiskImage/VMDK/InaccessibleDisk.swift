import Glibc
import SystemPackage

/// A NOACCESS extent of a VMDK: it takes up room on the disk and cannot be read. Its file is not opened.
struct InaccessibleDisk: VirtualDisk {
  /// The descriptor's, for messages.
  let path: FilePath
  let size: UInt64
  /// The descriptor's line that declares it.
  let line: Int

  func read(into buffer: UnsafeMutableRawBufferPointer, at offset: UInt64) throws(DiskError) {
    _ = try checkedRange(at: offset, count: buffer.count, path: path)
    guard buffer.isEmpty else {
      throw DiskError(path, "line \(line) declares this range of the disk NOACCESS", errno: EPERM)
    }
  }

  func extents(in range: Range<UInt64>, _ body: (DiskExtent) throws(DiskError) -> Bool) throws(DiskError) {
    try check(range, path: path)
    // Not zeros, and not known: a client that wants it has to read it, and learns that it may not.
    if !range.isEmpty { _ = try body(DiskExtent(range: range, state: .data)) }
  }

  func close() {}
}
