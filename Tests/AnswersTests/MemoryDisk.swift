import DiskImage
import Glibc

/// A disk in memory, of which some ranges are holes.
struct MemoryDisk: VirtualDisk {
  var bytes: [UInt8]
  var holes: [Range<UInt64>] = []

  var size: UInt64 { UInt64(bytes.count) }

  func read(into buffer: UnsafeMutableRawBufferPointer, at offset: UInt64) throws(DiskError) {
    guard offset + UInt64(buffer.count) <= size else { throw DiskError("memory", "beyond the end", errno: EINVAL) }
    buffer.copyBytes(from: bytes[Int(offset)..<Int(offset) + buffer.count])
  }

  func extents(in range: Range<UInt64>, _ body: (DiskExtent) throws(DiskError) -> Bool) throws(DiskError) {
    var position = range.lowerBound
    while position < range.upperBound {
      let hole = holes.first { $0.contains(position) }
      let next = holes.map(\.lowerBound).filter { $0 > position }.min() ?? size
      let end = min(hole?.upperBound ?? next, range.upperBound)
      guard try body(DiskExtent(range: position..<end, state: hole == nil ? .data : .hole)) else { return }
      position = end
    }
  }

  func locations(in range: Range<UInt64>, _ body: (DiskLocation) throws(DiskError) -> Bool) throws(DiskError) {}

  func close() {}
}
