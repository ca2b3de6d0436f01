import Glibc
import NTFSRecords
import WalkRecord

/// What a walk says of a file or directory without reading it.
extension Walk {
  /// No block is larger, and inline data is smaller than a block.
  private static let mostInlineBytes = 64 << 10

  /// What the filesystem told of a file.
  struct Told {
    var pieces: UInt64 = 0
    var bytes: UInt64 = 0
    /// Some extents are encoded, and have to be read.
    var hasEncoded = false
  }

  /// Says where the filesystem has a file's or a directory's bytes; nil where it does not tell.
  mutating func tell(_ layout: FileLayout, object: Record.ObjectID) throws(WalkError) -> Told? {
    var layout = layout
    var told = Told()
    while !layout.isComplete {
      guard let page = layout.nextTold() else { return nil }
      for piece in page {
        guard let physical = piece.physical else {
          told.hasEncoded = true
          continue
        }
        told.pieces += 1
        told.bytes += piece.length
        try note(.told, object, at: piece.offset, physical, length: piece.length)
      }
    }
    return told
  }

  /// Says where a file's bytes are, as it has been found out.
  mutating func tell(_ pieces: [FileLayout.Piece], object: Record.ObjectID) throws(WalkError) {
    for piece in pieces {
      guard let physical = piece.physical else { continue }
      let layout: Chunk.Layout = piece.layout == .encoded ? .toldEncoded : .told
      try note(layout, object, at: piece.offset, physical, length: piece.length)
    }
  }

  /// Says where the filesystem has a file that is read, so that a contradiction shows; nothing where it does not tell.
  mutating func claim(_ layout: FileLayout, _ status: stat, object: Record.ObjectID) throws(WalkError) {
    if filesystem.hasBlockLists || table != nil {
      for piece in knownPieces(of: layout, status) ?? [] where !piece.isEncoded && !piece.isInRecord {
        guard let physical = piece.physical else { continue }
        try note(.claimed, object, at: piece.offset, physical, length: piece.length)
      }
      return
    }
    guard filesystem.tellsExtents else { return }
    var layout = layout
    while !layout.isComplete {
      guard let page = layout.nextTold() else { return }
      for piece in page {
        guard let physical = piece.physical else { continue }
        try note(.claimed, object, at: piece.offset, physical, length: piece.length)
      }
    }
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

  /// A small file's bytes may be where its inode is: ext4 and NTFS's table say where, and of Btrfs virt-bmap reads the tree,
  /// in which attributes are, too.
  mutating func noteInlineData(
    _ descriptor: Int32, _ status: stat, _ object: Record.ObjectID
  ) throws(WalkError) {
    if filesystem.kind == .btrfs { try channel.note(.inode(id: object, number: UInt64(status.st_ino))) }
    guard status.st_size > 0, status.st_size <= Self.mostInlineBytes else { return }
    switch filesystem.kind {
    case .ext where UInt64(max(0, status.st_blocks)) &* 512 < filesystem.blockSize:
      // Such a file has no block, though ext4 counts its bytes as sectors.
      guard let piece = FileLayout.inlineData(of: descriptor), let physical = piece.physical,
        physical < UInt64.max - piece.length
      else { return }
      try note(.told, object, at: 0, physical, length: piece.length)
      guard case let size = UInt64(status.st_size), size > piece.length, let rest = inodes?.rest(behind: physical)
      else { return }
      let length = min(rest.upperBound - rest.lowerBound, size - piece.length)
      try note(.told, object, at: piece.length, rest.lowerBound, length: length)
    case .fuse where status.st_size <= BootSector.mostRecordBytes && status.st_blocks &* 512 < status.st_size + 512:
      if let pieces = table?.residentPieces(of: UInt64(status.st_ino)) { try tell(pieces, object: object) }
    default: return
    }
  }

  /// What ext2/3/4 and XFS keep for an object in blocks of their own, beside its bytes: extended attributes, of which XFS
  /// says where those of files are, and the list of its blocks; for what the kernel does not tell virt-bmap asks the
  /// filesystem's tools.
  /// - Parameter data: how many bytes the filesystem has told of; nil: they have to be counted.
  mutating func noteKeptBlocks(
    _ descriptor: Int32, _ status: stat, _ object: Record.ObjectID, data: UInt64?
  ) throws(WalkError) {
    guard filesystem.kind == .ext || filesystem.kind == .xfs, status.st_blocks > 0 else { return }
    let layout = FileLayout(
      descriptor: descriptor, size: UInt64(max(0, status.st_size)), allocated: UInt64(status.st_blocks) &* 512,
      filesystem: filesystem)
    var told = data ?? layout.toldBytes()
    guard layout.allocated > told else { return }
    if filesystem.kind == .xfs {
      for piece in FileLayout.attributeBlocks(of: descriptor) {
        guard let physical = piece.physical else { continue }
        told &+= piece.length
        try note(.kept, object, at: piece.offset, physical, length: piece.length)
      }
      guard layout.allocated > told else { return }
    }
    try channel.note(.inode(id: object, number: UInt64(status.st_ino)))
  }
}
