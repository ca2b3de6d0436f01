import Glibc
import WalkRecord

/// What a walk reports of a file or directory without reading it.
extension Walk {
  /// No block is larger, and inline data is smaller than a block.
  private static let largestInlineSize = 64 << 10

  /// What the filesystem said of where a file is.
  struct Reported {
    var pieces: UInt64 = 0
    var bytes: UInt64 = 0
    /// Some extents are encoded, and have to be read.
    var hasEncoded = false
  }

  /// Reports where FIEMAP says that a file's or a directory's bytes are; nil where it does not say.
  mutating func report(_ layout: FileLayout, object: Record.ObjectID) throws(WalkError) -> Reported? {
    var layout = layout
    var reported = Reported()
    while !layout.isComplete {
      guard let page = layout.nextReported() else { return nil }
      for piece in page {
        guard let physical = piece.physical else {
          reported.hasEncoded = true
          continue
        }
        reported.pieces += 1
        reported.bytes &+= piece.length
        try note(.told, object, at: piece.offset, physical, length: piece.length)
      }
    }
    return reported
  }

  /// Reports where a file's or a directory's bytes are, as it has been found out.
  mutating func report(_ pieces: [FileLayout.Piece], object: Record.ObjectID) throws(WalkError) {
    for piece in pieces {
      try note(piece.layout == .encoded ? .toldEncoded : .told, object, piece)
    }
  }

  /// Reports where the filesystem has a file that is read, so that a contradiction shows; nothing where it does not say.
  mutating func claim(_ layout: FileLayout, _ status: stat, object: Record.ObjectID) throws(WalkError) {
    switch filesystem.extentSource {
    case .none: return
    case .fibmap, .table:
      let pieces = filesystem.extents(of: layout, number: UInt64(status.st_ino)) ?? []
      for piece in pieces where !piece.isEncoded && !piece.isInRecord { try note(.claimed, object, piece) }
    case .fiemap:
      var layout = layout
      while !layout.isComplete {
        guard let page = layout.nextReported() else { return }
        for piece in page { try note(.claimed, object, piece) }
      }
    }
  }

  /// Reports where a piece is; nothing where that is not known.
  private mutating func note(
    _ layout: Chunk.Layout, _ object: Record.ObjectID, _ piece: FileLayout.Piece
  ) throws(WalkError) {
    guard let physical = piece.physical else { return }
    try note(layout, object, at: piece.offset, physical, length: piece.length)
  }

  /// Says where so many bytes of an object, or what is kept for it, are, without reading them.
  mutating func note(
    _ layout: Chunk.Layout, _ object: Record.ObjectID, at offset: UInt64, _ physical: UInt64, length: UInt64
  ) throws(WalkError) {
    try channel.note(
      .chunk(
        Chunk(
          number: queue.takeChunkNumber(), object: object, offset: offset, length: length, layout: layout,
          physical: physical)))
  }

  /// Reports what is where a file's inode is: a small file's bytes; of Btrfs virt-bmap reads the tree, in which attributes
  /// are, too.
  mutating func noteInlineData(
    _ descriptor: Int32, _ status: stat, _ object: Record.ObjectID
  ) throws(WalkError) {
    if filesystem.metadata == .tree { try channel.note(.inode(id: object, number: UInt64(status.st_ino))) }
    guard status.st_size > 0, status.st_size <= Self.largestInlineSize else { return }
    try report(filesystem.inlineExtents(of: descriptor, status), object: object)
  }

  /// Reports what ext2/3/4 and XFS keep for an object in blocks of their own: extended attributes, of which XFS says where
  /// those of files are, and the list of its blocks. For what the kernel does not say virt-bmap asks the filesystem's
  /// tools.
  /// - Parameter data: how many bytes of the object itself the filesystem reported; nil: they have to be counted.
  mutating func noteMetadataBlocks(
    _ descriptor: Int32, _ status: stat, _ object: Record.ObjectID, data: UInt64?
  ) throws(WalkError) {
    guard filesystem.metadata == .blocks, status.st_blocks > 0 else { return }
    let layout = FileLayout(descriptor: descriptor, status, filesystem: filesystem)
    var reported = data ?? layout.reportedBytes()
    guard layout.allocated > reported else { return }
    for piece in filesystem.attributeExtents(of: descriptor) {
      reported &+= piece.length
      try note(.kept, object, piece)
    }
    guard layout.allocated > reported else { return }
    try channel.note(.inode(id: object, number: UInt64(status.st_ino)))
  }

  /// Reports what NTFS keeps for an object, as its file table says; nothing on another filesystem.
  /// - Parameter withData: its data too: those of what is no file are a link's target.
  mutating func noteMetadata(_ status: stat, _ object: Record.ObjectID, withData: Bool = false) throws(WalkError) {
    try noteMetadata(ofInode: UInt64(status.st_ino), object, withData: withData)
  }

  mutating func noteMetadata(
    ofInode number: UInt64, _ object: Record.ObjectID, withData: Bool = false
  ) throws(WalkError) {
    for piece in filesystem.metadataExtents(ofInode: number, withData: withData) { try note(.kept, object, piece) }
  }
}
