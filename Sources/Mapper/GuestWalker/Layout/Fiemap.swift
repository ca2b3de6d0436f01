import CLinux
import Glibc

/// FIEMAP: the extents that a filesystem reports for an inode.
enum Fiemap {
  /// The number of extents per call.
  static let pageSize = 128

  /// The first extents in the `length` bytes from `start`, at most `count`; nil if the filesystem does not report
  /// them.
  static func extents(
    of descriptor: Int32, from start: UInt64, length: UInt64, flags: UInt32 = 0, count: Int = pageSize
  ) -> [fiemap_extent]? {
    let header = MemoryLayout<fiemap>.size
    let stride = MemoryLayout<fiemap_extent>.stride
    return withUnsafeTemporaryAllocation(byteCount: header + count * stride, alignment: 8) {
      buffer -> [fiemap_extent]? in
      // The kernel fills in as many of the extents after the header as it says.
      UnsafeMutableRawBufferPointer(rebasing: buffer[..<header]).initializeMemory(as: UInt8.self, repeating: 0)
      guard let map = buffer.baseAddress?.assumingMemoryBound(to: fiemap.self) else { return nil }
      map.pointee.fm_start = start
      map.pointee.fm_length = length
      map.pointee.fm_flags = flags
      map.pointee.fm_extent_count = UInt32(truncatingIfNeeded: count)
      guard clinux_fiemap(descriptor, map) == 0 else { return nil }
      return (0..<min(Int(map.pointee.fm_mapped_extents), count)).map { index in
        buffer.loadUnaligned(fromByteOffset: header + index * stride, as: fiemap_extent.self)
      }
    }
  }

  /// The blocks of an inode's extended attributes, which XFS reports for files.
  static func attributeExtents(of descriptor: Int32) -> [fiemap_extent] {
    var found: [fiemap_extent] = []
    var position: UInt64 = 0
    while true {
      let page = extents(
        of: descriptor, from: position, length: .max - position, flags: UInt32(FIEMAP_FLAG_XATTR))
      guard let page else { return found }
      for extent in page {
        guard let end = extent.end, end > position else { return found }
        position = end
        // Inline attributes are in the inode and have no blocks.
        if !extent.has(FIEMAP_EXTENT_DATA_INLINE) { found.append(extent) }
      }
      guard page.count == pageSize else { return found }
    }
  }

  /// The device range of an inode's first extent, at most `length` bytes of it; nil if the filesystem does not
  /// report it.
  static func beginning(of descriptor: Int32, length: UInt64) -> Range<UInt64>? {
    guard let extent = extents(of: descriptor, from: 0, length: length, count: 1)?.first,
      !extent.has(FIEMAP_EXTENT_DATA_INLINE), extent.fe_physical < 1 << 62
    else { return nil }
    return extent.fe_physical..<extent.fe_physical + min(extent.fe_length, length)
  }

  /// The extent of a file whose first bytes are in its inode; nil for other files.
  static func inlineExtent(of descriptor: Int32) -> fiemap_extent? {
    guard let extent = extents(of: descriptor, from: 0, length: .max, count: 1)?.first,
      extent.has(FIEMAP_EXTENT_DATA_INLINE), extent.fe_logical == 0
    else { return nil }
    return extent
  }
}

extension fiemap_extent {
  /// Nil if the end overflows.
  var end: UInt64? {
    let (end, overflow) = fe_logical.addingReportingOverflow(fe_length)
    return overflow ? nil : end
  }

  /// Whether the extent has any of these flags.
  func has(_ flags: Int32) -> Bool { fe_flags & UInt32(bitPattern: flags) != 0 }
}
