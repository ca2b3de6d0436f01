import Glibc
import SystemPackage

/// A raw disk: the bytes of the file are the bytes of the disk.
struct FlatDisk: VirtualDisk {
  let file: HostFile

  var size: UInt64 { file.length }

  func read(into buffer: UnsafeMutableRawBufferPointer, at offset: UInt64) throws(DiskError) {
    _ = try checkedRange(at: offset, count: buffer.count, path: file.path)
    try file.read(into: buffer, at: offset)
  }

  func extents(in range: Range<UInt64>, _ body: (DiskExtent) throws(DiskError) -> Bool) throws(DiskError) {
    try check(range, path: file.path)
    try file.extents(in: range, body)
  }

  func locations(in range: Range<UInt64>, _ body: (DiskLocation) throws(DiskError) -> Bool) throws(DiskError) {
    try check(range, path: file.path)
    guard !range.isEmpty else { return }
    _ = try body(DiskLocation(range: range, storage: .file(file.path, offset: range.lowerBound)))
  }

  func close() { file.close() }
}
