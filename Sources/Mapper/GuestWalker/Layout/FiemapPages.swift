import CLinux
import Glibc
import WalkRecord

extension FileLayout {
  /// The next pieces, from FIEMAP; nil if FIEMAP fails.
  mutating func fiemapPage() -> [Piece]? {
    let block = blockSize
    let sizeInBlocks = (size &+ block &- 1) / block &* block
    // Stop at the end of the file: the kernel would search for more extents after it.
    let end = max(sizeInBlocks, size)
    guard let extents = Fiemap.extents(of: descriptor, from: position, length: end - min(position, end)) else {
      return nil
    }
    isComplete = extents.count < Self.pageSize
    var pieces: [Piece] = []
    for extent in extents {
      guard let end = extent.end, end > position, extent.fe_logical < size else {
        isComplete = true
        break
      }
      position = end
      if extent.has(FIEMAP_EXTENT_LAST) { isComplete = true }
      if extent.has(FIEMAP_EXTENT_UNWRITTEN | FIEMAP_EXTENT_DATA_INLINE | FIEMAP_EXTENT_DELALLOC) { continue }
      let isEncoded = extent.has(FIEMAP_EXTENT_ENCODED)
      let layout = isEncoded ? .encoded : deviceLayout
      let limit: UInt64 =
        isWhole ? .max : layout == .unproven ? Self.unprovenPiece : Self.maximumPiece
      pieces.append(
        Piece(
          offset: extent.fe_logical, length: min(end, isWhole ? sizeInBlocks : size) - extent.fe_logical,
          layout: layout, physical: isEncoded ? nil : extent.fe_physical),
        inPartsOf: limit)
    }
    if position >= size { isComplete = true }
    return pieces
  }
}
