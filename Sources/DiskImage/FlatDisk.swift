import Glibc
import SystemPackage

/// A disk whose bytes lie one after another in one file: a raw disk, or a flat extent of a VMDK.
struct FlatDisk: VirtualDisk {
  let file: HostFile
  /// Where in the file the disk begins, in bytes. `start + size` does not exceed the file's length.
  let start: UInt64
  let size: UInt64

  func read(into buffer: UnsafeMutableRawBufferPointer, at offset: UInt64) throws(DiskError) {
    _ = try checkedRange(at: offset, count: buffer.count, path: file.path)
    try file.read(into: buffer, at: start &+ offset)
  }

  func extents(in range: Range<UInt64>, _ body: (DiskExtent) throws(DiskError) -> Bool) throws(DiskError) {
    try check(range, path: file.path)
    let inFile = (start &+ range.lowerBound)..<(start &+ range.upperBound)
    try file.extents(in: inFile) { (extent) throws(DiskError) -> Bool in
      let onDisk = (extent.range.lowerBound &- start)..<(extent.range.upperBound &- start)
      return try body(DiskExtent(range: onDisk, state: extent.state))
    }
  }

  func close() { file.close() }
}
