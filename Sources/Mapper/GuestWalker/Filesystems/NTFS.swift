import CLinux
import Glibc
import NTFSRecords
import WalkRecord

/// NTFS as mounted by ntfs-3g. Any other FUSE filesystem is treated as NTFS without a file table.
///
/// The walker reads the table itself, because FIBMAP on ntfs-3g takes as long as reading the block does. ntfs-3g
/// reads its device through the page cache, in whole pages, and does not reread cached pages.
final class NTFS: WalkedFilesystem {
  /// FUSE.
  static let magics: Set<UInt64> = [0x6573_5546]
  let mount: Mount
  /// Nil if it cannot be read: then every file is read instead.
  var table: FileTable?
  /// The device's cache was dropped, and with it the directories that ntfs-3g goes through to reach a file.
  private var hasDroppedCache = false

  /// FILE_ATTRIBUTE_COMPRESSED.
  private static let compressedAttribute: UInt32 = 0x800
  /// FILE_ATTRIBUTE_SYSTEM.
  private static let systemAttribute: UInt32 = 0x4
  /// The compression unit for clusters of 4096 bytes.
  private static let compressionUnit: UInt64 = 64 << 10
  /// More than the longest Interix link: 8 bytes and PATH_MAX characters.
  private static let maximumReadUnasked: UInt64 = 16 << 10

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
  /// With a table, directories need no announcement: the table says where they are. Reading them would not show
  /// that, because ntfs-3g also reads the start of some files while it lists a directory.
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
    guard status.st_size <= BootSector.maximumRecordBytes, status.st_blocks &* 512 < status.st_size &+ 512 else {
      return []
    }
    return table?.residentPieces(of: UInt64(status.st_ino)) ?? []
  }

  func encodedExtents(ofInode number: UInt64, size: UInt64) -> [FileLayout.Piece]? {
    table?.encodedPieces(of: number, size: size)
  }

  func metadataExtents(ofInode number: UInt64, withData: Bool) -> [FileLayout.Piece] {
    table?.metadataPieces(of: number, withData: withData) ?? []
  }
}

// Reads.
extension NTFS {
  var directReads: DirectReads { .filesInPages }
  var largestRead: UInt64 { 128 << 10 }
  var hidesHoles: Bool { true }

  /// ntfs-3g reads its device in order, a page at a time. It does not reread what it has read, so a second read
  /// requires dropping the cache. That is only worth it for files with holes, where the first read does not show
  /// which part is a hole.
  func unmappedPiece(of layout: FileLayout) -> (size: UInt64, layout: Chunk.Layout) {
    if clinux_ntfs_attributes(layout.descriptor) & Self.compressedAttribute != 0 {
      return (Self.compressionUnit, .encoded)
    }
    return layout.hasHoles ? (FileLayout.maximumPiece, .ordered) : (largestRead, .stream)
  }

  /// ntfs-3g reads the start of a system file when it lists the file's directory, and also on stat(2) of a small
  /// one, to see if it is an Interix link. After that it is in the device's cache.
  func isReadUnasked(_ layout: FileLayout) -> Bool {
    clinux_ntfs_attributes(layout.descriptor) & Self.systemAttribute != 0
  }

  func prepare(
    _ piece: FileLayout.Piece, of item: ReadQueue.Item, isAgain: Bool, _ channel: Channel
  ) throws(WalkError) {
    let isCached = item.isReadUnasked && piece.offset < Self.maximumReadUnasked
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
      // Without the cache, the directories on the path to the file and its block list may be read again. ntfs-3g
      // itself remembers the paths of only a few files.
      try channel.say(.idle)
      item.layout.warmBlockMap()
    }
  }

  private func dropCache() {
    mount.dropDeviceCache()
    hasDroppedCache = true
  }
}
