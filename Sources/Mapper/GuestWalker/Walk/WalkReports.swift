import Glibc
import WalkRecord

/// What a walk reports about a file or directory without reading it.
extension Walk {
  /// No block is larger, and inline data is smaller than a block.
  private static let largestInlineSize = 64 << 10

  /// What the filesystem said about the location of a file.
  struct Reported {
    var pieces: UInt64 = 0
    var bytes: UInt64 = 0
    /// How many bytes are allocated but hold none of the file's.
    var unwritten: UInt64 = 0
    /// Some extents are encoded and have to be read.
    var hasEncoded = false

    var allBytes: UInt64 { bytes &+ unwritten }
  }

  /// Reports the extents that FIEMAP returns for a file or a directory; nil if FIEMAP fails.
  mutating func report(_ layout: FileLayout, object: Record.ObjectID) throws(WalkError) -> Reported? {
    var layout = layout
    var reported = Reported()
    while !layout.isComplete {
      guard let page = layout.nextReported() else { return nil }
      for piece in page {
        guard !piece.isUnwritten else {
          reported.unwritten &+= piece.length
          try note(.unwritten, object, piece)
          continue
        }
        guard let physical = piece.physical else {
          reported.hasEncoded = true
          continue
        }
        reported.pieces += 1
        reported.bytes &+= piece.length
        try note(.data, object, at: piece.offset, physical, length: piece.length)
      }
    }
    reported.unwritten &+= try reportBeyondEnd(&layout, object: object)
    return reported
  }

  /// Reports what is allocated to a file beyond its end.
  /// - Parameter layout: has returned all other extents.
  /// - Returns: how many bytes that is.
  private mutating func reportBeyondEnd(
    _ layout: inout FileLayout, object: Record.ObjectID
  ) throws(WalkError) -> UInt64 {
    var bytes: UInt64 = 0
    while let page = layout.nextBeyondEnd() {
      for piece in page {
        bytes &+= piece.length
        try note(.unwritten, object, piece)
      }
    }
    return bytes
  }

  /// Reports known pieces of a file or a directory.
  mutating func report(_ pieces: [FileLayout.Piece], object: Record.ObjectID) throws(WalkError) {
    for piece in pieces {
      try note(piece.isUnwritten ? .unwritten : piece.layout == .encoded ? .encodedData : .data, object, piece)
    }
  }

  /// Reports the filesystem's extents of a file that is read as well, so that contradictions show, and its unwritten
  /// space, which is not read. Reports nothing if the filesystem does not know them.
  /// - Returns: how many bytes FIEMAP returned extents for; nil if it was not asked or failed.
  mutating func claim(_ layout: FileLayout, _ status: stat, object: Record.ObjectID) throws(WalkError) -> UInt64? {
    switch filesystem.extentSource {
    case .none: return nil
    case .fibmap, .table:
      let pieces = filesystem.extents(of: layout, number: UInt64(status.st_ino)) ?? []
      for piece in pieces where piece.isUnwritten || !piece.isEncoded && !piece.isInRecord {
        try note(piece.isUnwritten ? .unwritten : .dataToCheck, object, piece)
      }
      return nil
    case .fiemap:
      var layout = layout
      var bytes: UInt64 = 0
      while !layout.isComplete {
        guard let page = layout.nextReported() else { return nil }
        for piece in page {
          bytes &+= piece.length
          try note(piece.isUnwritten ? .unwritten : .dataToCheck, object, piece)
        }
      }
      return try bytes &+ reportBeyondEnd(&layout, object: object)
    }
  }

  /// Reports a piece, if its location is known.
  private mutating func note(
    _ content: ReportedExtent.Content, _ object: Record.ObjectID, _ piece: FileLayout.Piece
  ) throws(WalkError) {
    guard let physical = piece.physical else { return }
    try note(content, object, at: piece.offset, physical, length: piece.length)
  }

  /// Reports the location of some bytes of an object, or of its metadata, without reading them.
  mutating func note(
    _ content: ReportedExtent.Content, _ object: Record.ObjectID, at offset: UInt64, _ physical: UInt64, length: UInt64
  ) throws(WalkError) {
    try channel.note(
      .extent(
        ReportedExtent(object: object, offset: offset, length: length, physical: physical, content: content)))
  }

  /// Reports the data of a small file that is stored with its inode. For Btrfs, reports the inode number, because
  /// virt-bmap reads the tree with inline data and attributes itself.
  mutating func noteInlineData(
    _ descriptor: Int32, _ status: stat, _ object: Record.ObjectID
  ) throws(WalkError) {
    if filesystem.metadata == .tree { try channel.note(.inode(id: object, number: UInt64(status.st_ino))) }
    guard status.st_size > 0, status.st_size <= Self.largestInlineSize else { return }
    try report(filesystem.inlineExtents(of: descriptor, status), object: object)
  }

  /// Reports the blocks that ext2/3/4 and XFS allocate for an object besides its data: extended attributes and the
  /// block list. The kernel reports only the attribute blocks of XFS files; virt-bmap asks the filesystem's tools
  /// for the rest.
  /// - Parameter data: how many bytes the filesystem reported for the object itself, written or not; nil to count them
  ///   here.
  mutating func noteMetadataBlocks(
    _ descriptor: Int32, _ status: stat, _ object: Record.ObjectID, data: UInt64?
  ) throws(WalkError) {
    guard filesystem.metadata == .blocks, status.st_blocks > 0 else { return }
    let layout = FileLayout(descriptor: descriptor, status, filesystem: filesystem)
    var reported = data ?? layout.reportedBytes()
    guard layout.allocated > reported else { return }
    for piece in filesystem.attributeExtents(of: descriptor) {
      reported &+= piece.length
      try note(.metadata, object, piece)
    }
    guard layout.allocated > reported else { return }
    try channel.note(.inode(id: object, number: UInt64(status.st_ino)))
  }

  /// Reports an object's metadata from NTFS's file table; nothing on other filesystems.
  /// - Parameter withData: whether to include the data, which for an object that is not a file is a link's target.
  mutating func noteMetadata(_ status: stat, _ object: Record.ObjectID, withData: Bool = false) throws(WalkError) {
    try noteMetadata(ofInode: UInt64(status.st_ino), object, withData: withData)
  }

  mutating func noteMetadata(
    ofInode number: UInt64, _ object: Record.ObjectID, withData: Bool = false
  ) throws(WalkError) {
    for piece in filesystem.metadataExtents(ofInode: number, withData: withData) { try note(.metadata, object, piece) }
  }
}
