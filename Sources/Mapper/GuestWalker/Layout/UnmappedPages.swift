import CLinux
import Glibc
import WalkRecord

/// Where files have data on a filesystem without FIEMAP.
extension FileLayout {
  /// It would take hours to ask about a larger file with holes block by block.
  private static let maximumFibmapSize: UInt64 = 4 << 30

  /// The next pieces, from FIBMAP, to be read from the device; nil if FIBMAP fails (the file is compressed or has no
  /// clusters) or the file's blocks are at least `limit`.
  ///
  /// If ntfs-3g's clusters are smaller than a page, ntfs-3g reads more of its device than was asked for, and its
  /// reads do not start where the file's bytes do. minix does not support direct reads of files.
  mutating func fibmapPage(blocksBelow limit: UInt64) -> [Piece]? {
    let blockSize = UInt64(max(0, clinux_block_size(descriptor)))
    guard blockSize > 0, blockSize < limit, !hasHoles || size <= Self.maximumFibmapSize else { return nil }
    var pieces: [Piece] = []
    while pieces.count < Self.pageSize, position < size {
      let found = clinux_fibmap(descriptor, position / blockSize)
      guard found >= 0 else { return pieces.isEmpty ? nil : pieces }
      let physical = UInt64(found) &* blockSize
      let length = min(blockSize, size - position)
      if found > 0 {
        pieces.join(
          Piece(offset: position, length: length, layout: deviceLayout, physical: physical, isOnDevice: true),
          upTo: Self.unprovenPiece)
      }
      position += length
    }
    isComplete = position >= size
    return pieces
  }

  /// The next data, leaving out the holes that the filesystem reports.
  mutating func seekPage() -> [Piece] {
    var pieces: [Piece] = []
    while pieces.count < Self.pageSize {
      let data = clinux_seek_data(descriptor, position)
      if data < 0, errno != ENXIO { failure = errno }
      guard data >= 0, UInt64(data) < size else {
        isComplete = true
        return pieces
      }
      let hole = clinux_seek_hole(descriptor, UInt64(data))
      let start = UInt64(data)
      let end = hole > data ? min(UInt64(hole), size) : size
      // At most one page of pieces: a large file without holes is one range of data.
      let (piece, layout) = filesystem.unmappedPiece(of: self)
      let limited = min(end, start &+ piece &* UInt64(Self.pageSize))
      pieces.append(
        Piece(offset: start, length: limited - start, layout: layout, physical: nil), inPartsOf: piece)
      position = limited
      if position >= size {
        isComplete = true
        return pieces
      }
    }
    return pieces
  }
}

extension [FileLayout.Piece] {
  /// Merges a piece into the last one if it continues that in the file and on the device and the last one is still
  /// smaller than `limit`; otherwise appends it.
  mutating func join(_ piece: FileLayout.Piece, upTo limit: UInt64 = .max) {
    if let last, last.offset &+ last.length == piece.offset, let end = last.physical.map({ $0 &+ last.length }),
      end == piece.physical, last.length < limit
    {
      self[count - 1].length += piece.length
    } else {
      append(piece)
    }
  }
}
