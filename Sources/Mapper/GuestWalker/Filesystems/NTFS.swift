import CLinux
import Glibc
import NTFSRecords
import WalkRecord

/// NTFS as ntfs-3g has it mounted. Another filesystem in user space is taken for an NTFS without a file table.
///
/// The table is read by the walker, since FIBMAP on ntfs-3g takes as long for a block as reading it does. ntfs-3g reads its
/// device through the page cache, in whole pages, and reads nothing again that is there.
final class NTFS: Filesystem {
  /// FUSE.
  static let magics: Set<UInt64> = [0x6573_5546]
  let mount: Mount
  /// Nil where it cannot be read: then every file is.
  var table: FileTable?
  /// The device's cache was dropped, with the directories that ntfs-3g goes through to reach a file.
  private var hasDroppedCache = false

  /// FILE_ATTRIBUTE_COMPRESSED.
  private static let compressedAttribute: UInt32 = 0x800
  /// FILE_ATTRIBUTE_SYSTEM.
  private static let systemAttribute: UInt32 = 0x4
  /// For clusters of 4096 bytes: so much is compressed together.
  private static let compressionUnit: UInt64 = 64 << 10
  /// More than the longest link of Interix's: 8 bytes and PATH_MAX characters.
  private static let mostReadUnasked: UInt64 = 16 << 10

  init(_ mount: Mount, method: WalkMethod) {
    self.mount = mount
    table = Self.readBootSector(mount.device).flatMap { FileTable(device: mount.device, boot: $0) }
  }

  private static func readBootSector(_ device: Int32) -> BootSector? {
    let buffer = AlignedBuffer(size: 4096).bytes
    defer { buffer.deallocate() }
    guard pread(device, buffer.baseAddress, buffer.count, 0) == buffer.count else { return nil }
    return BootSector(Array(buffer.prefix(BootSector.size)))
  }
}

// Directories.
extension NTFS {
  /// The table says where a directory is: to list it, ntfs-3g reads the beginnings of some of its files, too.
  var announcement: DirectoryAnnouncement { table == nil ? .beforeOpening : .none }
  var hasReparsePoints: Bool { table != nil }

  func reportBlocks(of directory: OpenDirectory, in walk: inout Walk) throws(WalkError) {
    guard table != nil else { return }
    if let pieces = table?.directoryPieces(of: UInt64(directory.status.st_ino)) {
      try walk.report(pieces, object: directory.object)
    } else if directory.isComplete {
      try walk.channel.note(.failure(parent: directory.parent, errno: EUCLEAN, name: directory.name))
    }
  }
}

// Extents.
extension NTFS {
  var extentSource: ExtentSource { table == nil ? .none : .table }
  var metadata: ObjectMetadata { table == nil ? .none : .table }

  func extents(of layout: FileLayout, number: UInt64) -> [FileLayout.Piece]? {
    table?.pieces(of: number, size: layout.size)
  }

  func inlineExtents(of descriptor: Int32, _ status: stat) -> [FileLayout.Piece] {
    guard status.st_size <= BootSector.mostRecordBytes, status.st_blocks &* 512 < status.st_size &+ 512 else {
      return []
    }
    return table?.residentPieces(of: UInt64(status.st_ino)) ?? []
  }

  func encodedExtents(ofInode number: UInt64, size: UInt64) -> [FileLayout.Piece]? {
    table?.encodedPieces(of: number, size: size)
  }

  func metadataExtents(ofInode number: UInt64, withData: Bool) -> [FileLayout.Piece] {
    table?.keptPieces(of: number, withData: withData) ?? []
  }
}

// Reads.
extension NTFS {
  var directReads: DirectReads { .filesInPages }
  var largestRead: UInt64 { 128 << 10 }
  var hidesHoles: Bool { true }

  /// ntfs-3g reads its device in order, a page at a time. What it has read it does not read again, so that a second
  /// look costs a cache: only files with holes are worth it, where the first look cannot tell which part is one.
  func unmappedPiece(of layout: FileLayout) -> (size: UInt64, layout: Chunk.Layout) {
    if clinux_ntfs_attributes(layout.descriptor) & Self.compressedAttribute != 0 {
      return (Self.compressionUnit, .encoded)
    }
    return layout.hasHoles ? (FileLayout.maximumPiece, .ordered) : (largestRead, .stream)
  }

  /// ntfs-3g reads the beginning of such a file when it lists the file's directory, and when it tells of a small one, to
  /// see whether it is a link of Interix's: after that it is in the device's cache.
  func isReadUnasked(_ layout: FileLayout) -> Bool {
    clinux_ntfs_attributes(layout.descriptor) & Self.systemAttribute != 0
  }

  func prepare(
    _ piece: FileLayout.Piece, of item: ReadQueue.Item, isAgain: Bool, _ channel: Channel
  ) throws(WalkError) {
    let isCached = item.isReadUnasked && piece.offset < Self.mostReadUnasked
    if item.purpose == .proof {
      try channel.say(.idle)
      // What is read around other pieces is in the device's cache.
      if piece.around != nil || isCached { dropCache() }
      item.layout.warmBlockMap(at: piece.offset)
      return
    }
    if isAgain || isCached {
      // What was read before is in the device's cache.
      try channel.say(.idle)
      dropCache()
    }
    if hasDroppedCache {
      // Without it, the way to the file and the list of its blocks may be read again, too. ntfs-3g itself remembers the
      // way to a few files only.
      try channel.say(.idle)
      item.layout.warmBlockMap()
    }
  }

  private func dropCache() {
    mount.dropDeviceCache()
    hasDroppedCache = true
  }
}
