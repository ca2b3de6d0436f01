import CLinux
import Glibc

/// What FIEMAP says of an inode beside where its data are.
extension FileLayout {
  /// Bytes of a directory.
  private static let mostReadAhead: UInt64 = 256 << 10

  /// How many bytes of the file the filesystem says the places of; none where it does not tell.
  func toldBytes() -> UInt64 {
    var copy = self
    var bytes: UInt64 = 0
    while !copy.isComplete {
      guard let page = copy.nextTold() else { return .max }
      for piece in page { bytes &+= piece.length }
    }
    return bytes
  }

  /// The blocks that XFS has for the extended attributes of a file.
  static func attributeBlocks(of descriptor: Int32) -> [Piece] {
    let header = MemoryLayout<fiemap>.size
    let buffer = UnsafeMutableRawBufferPointer.allocate(
      byteCount: header + pageSize * MemoryLayout<fiemap_extent>.stride, alignment: 8)
    defer { buffer.deallocate() }
    var pieces: [Piece] = []
    var position: UInt64 = 0
    while true {
      buffer.initializeMemory(as: UInt8.self, repeating: 0)
      guard let map = buffer.baseAddress?.assumingMemoryBound(to: fiemap.self) else { return pieces }
      map.pointee.fm_start = position
      map.pointee.fm_length = UInt64.max - position
      map.pointee.fm_flags = UInt32(FIEMAP_FLAG_XATTR)
      map.pointee.fm_extent_count = UInt32(pageSize)
      guard clinux_fiemap(descriptor, map) == 0 else { return pieces }
      let count = min(Int(map.pointee.fm_mapped_extents), pageSize)
      for index in 0..<count {
        let extent = buffer.loadUnaligned(
          fromByteOffset: header + index * MemoryLayout<fiemap_extent>.stride, as: fiemap_extent.self)
        let (end, overflow) = extent.fe_logical.addingReportingOverflow(extent.fe_length)
        guard !overflow, end > position else { return pieces }
        position = end
        // In the inode.
        if extent.fe_flags & UInt32(FIEMAP_EXTENT_DATA_INLINE) != 0 { continue }
        pieces.append(
          Piece(offset: extent.fe_logical, length: extent.fe_length, layout: .kept, physical: extent.fe_physical))
      }
      guard count == pageSize else { return pieces }
    }
  }

  /// Where the first blocks of a directory of ext2/3/4 are that lie in one piece, as far as it is worth reading ahead; nil
  /// where the filesystem does not say.
  static func beginning(of descriptor: Int32) -> Range<UInt64>? {
    guard let extent = firstExtent(of: descriptor, length: mostReadAhead),
      extent.fe_flags & UInt32(FIEMAP_EXTENT_DATA_INLINE) == 0, extent.fe_physical < 1 << 62
    else { return nil }
    return extent.fe_physical..<extent.fe_physical + min(extent.fe_length, mostReadAhead)
  }

  /// The first of the extents in the first `length` bytes.
  private static func firstExtent(of descriptor: Int32, length: UInt64) -> fiemap_extent? {
    let header = MemoryLayout<fiemap>.size
    let bytes = header + MemoryLayout<fiemap_extent>.stride
    return withUnsafeTemporaryAllocation(byteCount: bytes, alignment: 8) { buffer -> fiemap_extent? in
      buffer.initializeMemory(as: UInt8.self, repeating: 0)
      guard let map = buffer.baseAddress?.assumingMemoryBound(to: fiemap.self) else { return nil }
      map.pointee.fm_length = length
      map.pointee.fm_extent_count = 1
      guard clinux_fiemap(descriptor, map) == 0, map.pointee.fm_mapped_extents == 1 else { return nil }
      return buffer.loadUnaligned(fromByteOffset: header, as: fiemap_extent.self)
    }
  }

  /// Where ext4 has the first bytes of a file that is in its inode (`inline_data`): in place of the list of blocks, which
  /// has room for 60 bytes. What is behind them is among the inode's extended attributes: see `InodeTable`.
  static func inlineData(of descriptor: Int32) -> Piece? {
    guard let extent = firstExtent(of: descriptor, length: .max),
      extent.fe_flags & UInt32(FIEMAP_EXTENT_DATA_INLINE) != 0, extent.fe_logical == 0
    else { return nil }
    return Piece(offset: 0, length: min(extent.fe_length, 60), layout: .told, physical: extent.fe_physical)
  }
}
