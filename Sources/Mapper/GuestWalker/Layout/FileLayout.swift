import CLinux
import Glibc
import WalkRecord

/// Where a file has data, a page at a time, so that a file of a million extents needs no memory for them.
///
/// Where the file is read, what the filesystem says only tells how: the map's ranges come from the reads themselves.
struct FileLayout {
  /// A range of the file, in bytes, that is read in one go.
  struct Piece {
    var offset: UInt64
    var length: UInt64
    var layout: Chunk.Layout
    /// On the filesystem's device, where FIEMAP or FIBMAP tells.
    var physical: UInt64?
    /// The piece is to be read there and not through the file.
    var isOnDevice = false
    /// The bytes are in the file's record in NTFS's file table.
    var isInRecord = false
    /// What is there is not what reading the file gives.
    var isEncoded = false
    /// What is read of the filesystem's device with it, where that is more than its own bytes.
    var around: Range<UInt64>?
  }

  /// What one request to the recorder may be.
  static let maximumPiece: UInt64 = 4 << 20
  static let pageSize = 128
  /// What is not known to lie in one piece is read in no more than the kernel sends as one request.
  private static let unprovenPiece: UInt64 = 512 << 10
  private static let memoryPage: UInt64 = 4096
  /// A file with holes that is larger would take hours to be asked about block by block.
  private static let maximumFibmapSize: UInt64 = 4 << 30
  /// What ntfs-3g is asked for at once.
  private static let fusePiece: UInt64 = 128 << 10
  /// Of NTFS, for clusters of 4096 bytes: so much is compressed together.
  private static let compressionUnit: UInt64 = 64 << 10
  /// FILE_ATTRIBUTE_COMPRESSED.
  private static let compressedAttribute: UInt32 = 0x800
  /// FILE_ATTRIBUTE_SYSTEM.
  private static let systemAttribute: UInt32 = 0x4
  /// More than the longest link of Interix's: 8 bytes and PATH_MAX characters.
  static let mostReadUnasked: UInt64 = 16 << 10
  /// An hour's work under emulation: 4 TiB of holes.
  private static let maximumBlindPieces: UInt64 = 1 << 20

  private(set) var descriptor: Int32
  let size: UInt64
  /// Bytes the filesystem has allocated for the file.
  let allocated: UInt64
  let kind: Filesystem.Kind
  /// The filesystem's device keeps its bytes in their order: what is one piece on it is one on the disk.
  let isPlainDevice: Bool
  private var position: UInt64 = 0
  private var hasFiemap = true
  private var hasFibmap = true
  private(set) var isComplete = false
  /// The errno of what keeps the rest of the file from being found.
  private(set) var failure: Int32?
  /// Pieces are not read: they may have any size, and end where a read would, with a block.
  private var isWhole = false
  private let sizeInBlocks: UInt64
  /// Bytes; a cluster, where there are any.
  let blockSize: UInt64
  /// Where the file is known to be, what of that is done, and how far into the next piece. Nil: nothing is known.
  private var known: (pieces: [Piece], done: Int, position: UInt64)?

  init(descriptor: Int32, size: UInt64, allocated: UInt64, filesystem: Filesystem) {
    self.descriptor = descriptor
    self.size = size
    self.allocated = allocated
    kind = filesystem.kind
    isPlainDevice = filesystem.isPlainDevice
    sizeInBlocks = (size &+ filesystem.blockSize &- 1) / filesystem.blockSize &* filesystem.blockSize
    blockSize = filesystem.blockSize
    isComplete = size == 0
  }

  /// The same file, of which `pieces` are read, to prove that it is there.
  func proving(_ pieces: [Piece]) -> FileLayout {
    var copy = self
    copy.known = (pieces, 0, 0)
    copy.isComplete = pieces.isEmpty
    return copy
  }

  /// It is known to be in so many pieces that not many such layouts fit into memory.
  var isLarge: Bool { known.map { $0.pieces.count > 4096 } ?? false }

  /// The same layout, for another descriptor of the file.
  func reading(_ descriptor: Int32) -> FileLayout {
    var copy = self
    copy.descriptor = descriptor
    return copy
  }

  /// The next extents as the filesystem tells them; nil where it does not.
  mutating func nextTold() -> [Piece]? {
    isWhole = true
    return isComplete ? [] : fiemapPage()
  }

  /// The next pieces; reads nothing but the filesystem's own blocks.
  mutating func nextPage() -> [Piece] {
    guard !isComplete else { return [] }
    if known != nil { return knownPage() }
    if hasFiemap {
      if let page = fiemapPage() { return page }
      hasFiemap = false
      warmBlockMap()
    }
    if kind == .fuse || kind == .minix, hasFibmap {
      if let page = fibmapPage() { return page }
      hasFibmap = false
    }
    return seekPage()
  }

  private mutating func knownPage() -> [Piece] {
    guard let (all, start, begun) = known else { return [] }
    var (done, position) = (start, begun)
    var pieces: [Piece] = []
    while pieces.count < Self.pageSize, done < all.count {
      let whole = all[done]
      var next = whole
      next.offset += position
      next.physical = whole.physical.map { $0 &+ position }
      next.length = min(whole.length - position, kind == .fuse ? Self.fusePiece : Self.maximumPiece)
      next.layout = .exact
      next.isOnDevice = kind == .minix
      if kind == .fuse, blockSize < Self.memoryPage, let physical = next.physical {
        // ntfs-3g reads its device in whole pages.
        let end = physical &+ next.length &+ Self.memoryPage &- 1
        let start = physical / Self.memoryPage * Self.memoryPage
        next.around = start..<max(start, end / Self.memoryPage * Self.memoryPage)
      }
      pieces.append(next)
      position += next.length
      if position >= whole.length {
        done += 1
        position = 0
      }
    }
    known = (all, done, position)
    isComplete = done >= all.count
    return pieces
  }

  private mutating func fiemapPage() -> [Piece]? {
    let bytes = MemoryLayout<fiemap>.size + Self.pageSize * MemoryLayout<fiemap_extent>.stride
    return withUnsafeTemporaryAllocation(byteCount: bytes, alignment: 8) { fiemapPage(in: $0) }
  }

  private mutating func fiemapPage(in buffer: UnsafeMutableRawBufferPointer) -> [Piece]? {
    let header = MemoryLayout<fiemap>.size
    // The kernel fills in as much of the rest as it counts.
    UnsafeMutableRawBufferPointer(rebasing: buffer[..<header]).initializeMemory(as: UInt8.self, repeating: 0)
    guard let map = buffer.baseAddress?.assumingMemoryBound(to: fiemap.self) else { return nil }
    map.pointee.fm_start = position
    // Not beyond the file's end, where the kernel would look for more.
    let end = max(sizeInBlocks, size)
    map.pointee.fm_length = end - min(position, end)
    map.pointee.fm_extent_count = UInt32(Self.pageSize)
    guard clinux_fiemap(descriptor, map) == 0 else { return nil }
    let count = min(Int(map.pointee.fm_mapped_extents), Self.pageSize)
    var pieces: [Piece] = []
    isComplete = count < Self.pageSize
    for index in 0..<count {
      let extent = buffer.loadUnaligned(
        fromByteOffset: header + index * MemoryLayout<fiemap_extent>.stride, as: fiemap_extent.self)
      let (end, overflow) = extent.fe_logical.addingReportingOverflow(extent.fe_length)
      guard !overflow, end > position, extent.fe_logical < size else {
        isComplete = true
        break
      }
      position = end
      if extent.fe_flags & UInt32(FIEMAP_EXTENT_LAST) != 0 { isComplete = true }
      let noBlocks = FIEMAP_EXTENT_UNWRITTEN | FIEMAP_EXTENT_DATA_INLINE | FIEMAP_EXTENT_DELALLOC
      if extent.fe_flags & UInt32(noBlocks) != 0 { continue }
      let encoded = extent.fe_flags & UInt32(FIEMAP_EXTENT_ENCODED) != 0
      add(
        Piece(
          offset: extent.fe_logical, length: min(end, isWhole ? sizeInBlocks : size) - extent.fe_logical,
          layout: encoded ? .encoded : isPlainDevice ? .exact : .unproven,
          physical: encoded ? nil : extent.fe_physical),
        to: &pieces, limit: isWhole ? .max : encoded || isPlainDevice ? Self.maximumPiece : Self.unprovenPiece)
    }
    if position >= size { isComplete = true }
    return pieces
  }

  /// Makes a filesystem without FIEMAP read the list of all of the file's blocks.
  func warmBlockMap() { _ = clinux_fibmap_last(descriptor, size) }

  /// Makes ntfs-3g read where a byte of the file is.
  func warmBlockMap(at offset: UInt64) {
    let block = clinux_block_size(descriptor)
    if block > 0 { _ = clinux_fibmap(descriptor, offset / UInt64(block)) }
  }

  /// Where ntfs-3g's clusters are smaller than a page, what it reads of its device is more than was asked for and does
  /// not begin where the file's bytes do, and minix does not read directly. Such a file is read where FIBMAP says it is;
  /// nil: it does not say (the file is compressed or has no clusters), or NTFS's clusters are pages.
  private mutating func fibmapPage() -> [Piece]? {
    let blockSize = UInt64(max(0, clinux_block_size(descriptor)))
    guard blockSize > 0, blockSize < Self.memoryPage || kind == .minix, !hasHoles || size <= Self.maximumFibmapSize
    else { return nil }
    var pieces: [Piece] = []
    while pieces.count < Self.pageSize, position < size {
      let found = clinux_fibmap(descriptor, position / blockSize)
      guard found >= 0 else { return pieces.isEmpty ? nil : pieces }
      let physical = UInt64(found) * blockSize
      let length = min(blockSize, size - position)
      if found > 0 {
        if let last = pieces.last, last.offset + last.length == position, last.physical == physical - last.length,
          last.length < Self.unprovenPiece
        {
          pieces[pieces.count - 1].length += length
        } else {
          pieces.append(
            Piece(
              offset: position, length: length, layout: isPlainDevice ? .exact : .unproven, physical: physical,
              isOnDevice: true))
        }
      }
      position += length
    }
    isComplete = position >= size
    return pieces
  }

  private mutating func seekPage() -> [Piece] {
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
      // A page of pieces at most: a large file without holes is one run of data.
      let (piece, layout) = pieceForm
      let limited = min(end, start + piece * UInt64(Self.pageSize))
      add(Piece(offset: start, length: limited - start, layout: layout, physical: nil), to: &pieces, limit: piece)
      position = limited
      if position >= size {
        isComplete = true
        return pieces
      }
    }
    return pieces
  }

  /// How a file is read that says nothing of where its data are.
  ///
  /// ntfs-3g reads its device in order, a page at a time. What it has read it does not read again, so that a second
  /// look costs a cache: only files with holes are worth it, where the first look cannot tell which part is one.
  private var pieceForm: (size: UInt64, layout: Chunk.Layout) {
    if kind == .squashfs { return (1 << 20, .encoded) }
    guard kind == .fuse else { return (Self.unprovenPiece, .unproven) }
    if isCompressed { return (Self.compressionUnit, .encoded) }
    return hasHoles ? (Self.maximumPiece, .ordered) : (Self.fusePiece, .stream)
  }

  private var isCompressed: Bool { clinux_ntfs_attributes(descriptor) & Self.compressedAttribute != 0 }

  /// ntfs-3g reads the beginning of such a file when it lists the file's directory, and when it tells of a small one, to
  /// see whether it is a link of Interix's: after that it is in the device's cache.
  var isReadUnasked: Bool {
    kind == .fuse && clinux_ntfs_attributes(descriptor) & Self.systemAttribute != 0
  }

  var hasHoles: Bool { size >= 4096 && allocated <= size - 4096 }

  /// Whether there is no end to reading the file: its size may be anything, and nothing tells where in it data are.
  var isBeyondReach: Bool {
    kind == .fuse && hasHoles && size / pieceForm.size > Self.maximumBlindPieces
  }

  private func add(_ piece: Piece, to pieces: inout [Piece], limit: UInt64) {
    var rest = piece
    while rest.length > 0 {
      let length = min(rest.length, limit)
      var next = rest
      next.length = length
      pieces.append(next)
      rest.offset += length
      rest.length -= length
      rest.physical = rest.physical.map { $0 &+ length }
    }
  }
}
