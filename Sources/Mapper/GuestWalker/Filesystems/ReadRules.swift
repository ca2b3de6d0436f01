import WalkRecord

/// How files are read so that each read reaches the disk and reads only the file's own bytes.
protocol ReadRules: AnyObject {
  var directReads: DirectReads { get }

  /// The size in bytes, and the layout, of the pieces in which a file is read if nothing reports where its data is.
  func unmappedPiece(of layout: FileLayout) -> (size: UInt64, layout: Chunk.Layout)

  /// The largest read, in bytes, of a piece that is known to be contiguous.
  var largestRead: UInt64 { get }

  /// Nothing reports where a file with holes has data, so all of it has to be read.
  var hidesHoles: Bool { get }

  /// The first read of a piece also reads blocks that do not belong to the file; a second read does not.
  var needsSecondRead: Bool { get }

  /// Whether the start of the file may already have been read and be in the device's cache.
  func isReadUnasked(_ layout: FileLayout) -> Bool

  /// Drops from the caches what the next read of a piece must read from the disk, and reads other blocks that it
  /// needs in advance.
  /// - Parameter isAgain: whether the piece was read before.
  func prepare(
    _ piece: FileLayout.Piece, of item: ReadQueue.Item, isAgain: Bool, _ channel: Channel
  ) throws(WalkError)
}

/// What supports direct reads, which bypass the page cache.
enum DirectReads {
  /// Files.
  case files
  /// Files whose blocks are at least a page. Other files are read from the device at the blocks that FIBMAP returns.
  case filesInPages
  /// Only the device: files are read from it at the blocks that FIBMAP returns.
  case device
}

extension ReadRules {
  var directReads: DirectReads { .files }

  func unmappedPiece(of layout: FileLayout) -> (size: UInt64, layout: Chunk.Layout) {
    (FileLayout.unprovenPiece, .unproven)
  }

  var largestRead: UInt64 { FileLayout.maximumPiece }
  var hidesHoles: Bool { false }
  var needsSecondRead: Bool { false }
  func isReadUnasked(_ layout: FileLayout) -> Bool { false }

  func prepare(
    _ piece: FileLayout.Piece, of item: ReadQueue.Item, isAgain: Bool, _ channel: Channel
  ) throws(WalkError) {}
}
