import CLinux
import Glibc
import WalkRecord

extension FileLayout {
  /// The next pieces, from FIEMAP; nil if FIEMAP fails.
  mutating func fiemapPage() -> [Piece]? {
    // Stop at the end of the file: the kernel would search for more extents after it.
    let limit = endInBlocks
    guard let extents = Fiemap.extents(of: descriptor, from: position, length: limit - min(position, limit)) else {
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
      extentBytes &+= min(end, limit) - extent.fe_logical
      if extent.has(FIEMAP_EXTENT_LAST) { isComplete = true }
      if extent.has(FIEMAP_EXTENT_DATA_INLINE | FIEMAP_EXTENT_DELALLOC) { continue }
      if extent.has(FIEMAP_EXTENT_UNWRITTEN) {
        if isWhole, let piece = Piece(unwritten: extent, in: 0..<limit) { pieces.append(piece) }
        continue
      }
      let isEncoded = extent.has(FIEMAP_EXTENT_ENCODED)
      let layout = isEncoded ? .encoded : deviceLayout
      let pieceLimit: UInt64 =
        isWhole ? .max : layout == .unproven ? Self.unprovenPiece : Self.maximumPiece
      pieces.append(
        Piece(
          offset: extent.fe_logical, length: min(end, isWhole ? limit : size) - extent.fe_logical,
          layout: layout, physical: isEncoded ? nil : extent.fe_physical),
        inPartsOf: pieceLimit)
    }
    if position >= size { isComplete = true }
    return pieces
  }

  /// The next pieces beyond the end of the file, from FIEMAP; nil if there are no more. Call this after all others have
  /// been returned.
  ///
  /// A filesystem may allocate more than a file needs, in case the file grows. Most files have no such blocks, so the
  /// kernel is asked only if more is allocated than the extents explain.
  mutating func nextBeyondEnd() -> [Piece]? {
    // An extent may begin in the file and end beyond it.
    var position = positionBeyondEnd ?? endInBlocks
    guard !isBeyondEndComplete, allocated >= extentBytes, allocated - extentBytes >= blockSize,
      let extents = Fiemap.extents(of: descriptor, from: position, length: .max - position)
    else { return nil }
    isBeyondEndComplete = extents.count < Self.pageSize
    var pieces: [Piece] = []
    for extent in extents {
      guard let end = extent.end, end > position else {
        isBeyondEndComplete = true
        break
      }
      if !extent.has(FIEMAP_EXTENT_DATA_INLINE | FIEMAP_EXTENT_DELALLOC | FIEMAP_EXTENT_ENCODED),
        let piece = Piece(unwritten: extent, in: position..<end)
      {
        extentBytes &+= piece.length
        pieces.append(piece)
      }
      position = end
    }
    positionBeyondEnd = position
    return pieces
  }
}

extension FileLayout.Piece {
  /// The part of an unwritten extent that is in `range`, which is in bytes of the file; nil if it has no location.
  fileprivate init?(unwritten extent: fiemap_extent, in range: Range<UInt64>) {
    // F2FS reports blocks that are reserved, but not chosen yet, at 0.
    guard !extent.has(FIEMAP_EXTENT_UNKNOWN), extent.fe_physical > 0, let end = extent.end else { return nil }
    let start = max(extent.fe_logical, range.lowerBound)
    guard start < min(end, range.upperBound) else { return nil }
    self.init(
      offset: start, length: min(end, range.upperBound) - start, layout: .exact,
      physical: extent.fe_physical &+ (start - extent.fe_logical), isUnwritten: true)
  }
}
