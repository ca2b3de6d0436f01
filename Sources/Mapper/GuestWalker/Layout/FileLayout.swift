import CLinux
import Glibc
import WalkRecord

/// Where a file has data, one page of pieces at a time, so that a file with a million extents needs no memory for
/// them.
///
/// If the file is read, the filesystem's answer only decides how: the ranges in the map come from the reads
/// themselves.
struct FileLayout {
  /// A range of the file, in bytes, that is read in one go.
  struct Piece: Equatable {
    var offset: UInt64
    var length: UInt64
    var layout: Chunk.Layout
    /// The offset on the filesystem's device, if FIEMAP, FIBMAP or the file table reports it.
    var physical: UInt64?
    /// The piece is read from the device at `physical` and not through the file.
    var isOnDevice = false
    /// The bytes are in the file's record in NTFS's file table.
    var isInRecord = false
    /// The stored bytes differ from those that reading the file returns.
    var isEncoded = false
    /// The space is allocated to the file but holds none of its bytes.
    var isUnwritten = false
    /// The device range that is read with the piece, if that is more than the piece itself.
    var around: Range<UInt64>?
  }

  /// The largest read of a piece.
  static let maximumPiece: UInt64 = 4 << 20
  static let pageSize = Fiemap.pageSize
  /// The largest read of a piece that may not be contiguous: what the kernel sends as one request.
  static let unprovenPiece: UInt64 = 512 << 10
  static let memoryPage: UInt64 = 4096
  /// An hour of work under emulation: 4 TiB of holes.
  private static let maximumBlindPieces: UInt64 = 1 << 20

  let filesystem: any WalkedFilesystem
  private(set) var descriptor: Int32
  let size: UInt64
  /// Bytes the filesystem has allocated for the file.
  let allocated: UInt64
  /// Offset in the file up to which its pieces have been found.
  var position: UInt64 = 0
  private var hasFiemap = true
  private var hasFibmap = true
  var isComplete = false
  /// The errno that kept the rest of the file from being found.
  var failure: Int32?
  /// Pieces are reported and not read: they may have any size and, as a read would, they end at a block boundary.
  /// Unwritten ones are reported, too.
  private(set) var isWhole = false
  /// How many bytes all extents have that FIEMAP has returned so far.
  var extentBytes: UInt64 = 0
  /// Offset up to which pieces beyond the end of the file have been found; nil at first.
  var positionBeyondEnd: UInt64?
  var isBeyondEndComplete = false
  /// The file's known pieces; nil if nothing is known.
  private var known: KnownPieces?

  init(descriptor: Int32, size: UInt64, allocated: UInt64, filesystem: any WalkedFilesystem) {
    self.descriptor = descriptor
    self.size = size
    self.allocated = allocated
    self.filesystem = filesystem
    isComplete = size == 0
  }

  init(descriptor: Int32, _ status: stat, filesystem: any WalkedFilesystem) {
    self.init(
      descriptor: descriptor, size: UInt64(max(0, status.st_size)),
      allocated: UInt64(max(0, status.st_blocks)) &* 512, filesystem: filesystem)
  }

  /// In bytes; the cluster size if there are clusters.
  var blockSize: UInt64 { filesystem.mount.blockSize }

  /// The layout of pieces that are contiguous on the device.
  var deviceLayout: Chunk.Layout { filesystem.mount.isPlainDevice ? .exact : .unproven }

  /// The file's end, rounded up to a block.
  var endInBlocks: UInt64 { max(size, (size &+ blockSize &- 1) / blockSize &* blockSize) }

  var hasHoles: Bool { size >= 4096 && allocated <= size - 4096 }

  /// Whether reading the file would take too long: its size may be anything, and nothing reports where its data is.
  var isBeyondReach: Bool {
    filesystem.hidesHoles && hasHoles && size / filesystem.unmappedPiece(of: self).size > Self.maximumBlindPieces
  }

  /// The same file, limited to `pieces`, which are read to prove that the file is there.
  func proving(_ pieces: [Piece]) -> FileLayout {
    var copy = self
    let data = pieces.filter { !$0.isUnwritten }
    copy.known = KnownPieces(data)
    copy.isComplete = data.isEmpty
    return copy
  }

  /// Whether so many pieces are known that only a few such layouts fit into memory.
  var isLarge: Bool { known.map { $0.pieces.count > 4096 } ?? false }

  /// The same layout, for another descriptor of the file.
  func reading(_ descriptor: Int32) -> FileLayout {
    var copy = self
    copy.descriptor = descriptor
    return copy
  }

  /// The next extents as the filesystem reports them; nil if it does not.
  mutating func nextReported() -> [Piece]? {
    isWhole = true
    return isComplete ? [] : fiemapPage()
  }

  /// How many bytes the filesystem reports extents for, also beyond the end of the file; `UInt64.max` if it reports
  /// none.
  func reportedBytes() -> UInt64 {
    var copy = self
    var bytes: UInt64 = 0
    while !copy.isComplete {
      guard let page = copy.nextReported() else { return .max }
      for piece in page { bytes &+= piece.length }
    }
    while let page = copy.nextBeyondEnd() {
      for piece in page { bytes &+= piece.length }
    }
    return bytes
  }

  /// The next pieces. Reads only the filesystem's own blocks.
  mutating func nextPage() -> [Piece] {
    guard !isComplete else { return [] }
    if known != nil { return knownPage() }
    if hasFiemap {
      if let page = fiemapPage() { return page }
      hasFiemap = false
      warmBlockMap()
    }
    if hasFibmap, let limit = filesystem.directReads.deviceBlockLimit {
      if let page = fibmapPage(blocksBelow: limit) { return page }
      hasFibmap = false
    }
    return seekPage()
  }

  private mutating func knownPage() -> [Piece] {
    let page = known?.nextPage(for: filesystem) ?? []
    isComplete = known?.isComplete ?? true
    return page
  }

  /// Makes a filesystem without FIEMAP read the file's whole block list.
  func warmBlockMap() { _ = clinux_fibmap_last(descriptor, size) }

  /// Makes ntfs-3g look up where a byte of the file is.
  func warmBlockMap(at offset: UInt64) {
    let block = clinux_block_size(descriptor)
    if block > 0 { _ = clinux_fibmap(descriptor, offset / UInt64(block)) }
  }
}

extension DirectReads {
  /// Files with smaller blocks are read from the device at the blocks that FIBMAP returns; nil if none are.
  fileprivate var deviceBlockLimit: UInt64? {
    switch self {
    case .files: nil
    case .filesInPages: FileLayout.memoryPage
    case .device: .max
    }
  }
}

extension [FileLayout.Piece] {
  /// Adds a piece, split into parts of at most `limit` bytes.
  mutating func append(_ piece: FileLayout.Piece, inPartsOf limit: UInt64) {
    var rest = piece
    while rest.length > 0 {
      var next = rest
      next.length = Swift.min(rest.length, limit)
      append(next)
      rest.offset &+= next.length
      rest.length -= next.length
      rest.physical = rest.physical.map { $0 &+ next.length }
    }
  }
}
