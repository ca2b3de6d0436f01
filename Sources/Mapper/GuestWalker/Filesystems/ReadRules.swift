import WalkRecord

/// How files are read so that each read reaches the disk, and is the file's own.
protocol ReadRules: AnyObject {
  var directReads: DirectReads { get }

  /// How a file is read that says nothing of where its data are: in pieces of so many bytes.
  func unmappedPiece(of layout: FileLayout) -> (size: UInt64, layout: Chunk.Layout)

  /// How many bytes of a piece that is known to be in one place are read at once.
  var largestRead: UInt64 { get }

  /// Nothing tells where a file with holes has data, so that all of it has to be read.
  var hidesHoles: Bool { get }

  /// The first read of a piece brings in blocks that are not the file's, and a second does not.
  var needsSecondRead: Bool { get }

  /// The file's beginning may have been read unasked, and be in the device's cache.
  func isReadUnasked(_ layout: FileLayout) -> Bool

  /// Drops from the caches what the next read of a piece needs from the disk, and reads what it does not.
  /// - Parameter isAgain: it was read before.
  func prepare(
    _ piece: FileLayout.Piece, of item: ReadQueue.Item, isAgain: Bool, _ channel: Channel
  ) throws(WalkError)
}

/// What can be read directly, past the page cache.
enum DirectReads {
  /// Files.
  case files
  /// Files whose blocks are no smaller than a page. Others are read from the device, where FIBMAP says they are.
  case filesInPages
  /// The device alone: a file is read from it, where FIBMAP says it is.
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
