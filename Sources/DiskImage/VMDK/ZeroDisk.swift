import Glibc
import SystemPackage

/// A ZERO extent of a VMDK: no file, all zeros.
struct ZeroDisk: VirtualDisk {
  /// The descriptor's, for messages.
  let path: FilePath
  let size: UInt64

  func read(into buffer: UnsafeMutableRawBufferPointer, at offset: UInt64) throws(DiskError) {
    _ = try checkedRange(at: offset, count: buffer.count, path: path)
    fillWithZeros(buffer)
  }

  func extents(in range: Range<UInt64>, _ body: (DiskExtent) throws(DiskError) -> Bool) throws(DiskError) {
    try check(range, path: path)
    if !range.isEmpty { _ = try body(DiskExtent(range: range, state: .zero)) }
  }

  func close() {}
}

func fillWithZeros(_ buffer: UnsafeMutableRawBufferPointer) {
  if let start = buffer.baseAddress { memset(start, 0, buffer.count) }
}
