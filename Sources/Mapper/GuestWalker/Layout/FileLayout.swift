import CLinux
import Glibc
import WalkRecord

/// Where a file has data, a page at a time, so that a file of a million extents needs no memory for them.
///
/// Where the file is read, what the filesystem says only tells how: the map's ranges come from the reads themselves.
struct FileLayout {
  /// A range of the file, in bytes, that is read in one go.
  struct Piece: Equatable {
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
  static let pageSize = Fiemap.pageSize
  /// What is not known to lie in one piece is read in no more than the kernel sends as one request.
  static let unprovenPiece: UInt64 = 512 << 10
  static let memoryPage: UInt64 = 4096
  /// An hour's work under emulation: 4 TiB of holes.
  private static let maximumBlindPieces: UInt64 = 1 << 20

  let filesystem: any Filesystem
  private(set) var descriptor: Int32
  let size: UInt64
  /// Bytes the filesystem has allocated for the file.
  let allocated: UInt64
  /// How far into the file its pieces have been found.
  var position: UInt64 = 0
  private var hasFiemap = true
  private var hasFibmap = true
  var isComplete = false
  /// The errno of what keeps the rest of the file from being found.
  var failure: Int32?
  /// Pieces are not read: they may have any size, and end where a read would, with a block.
  private(set) var isWhole = false
  /// Where the file is known to be; nil: nothing is known.
  private var known: KnownPieces?

  init(descriptor: Int32, size: UInt64, allocated: UInt64, filesystem: any Filesystem) {
    self.descriptor = descriptor
    self.size = size
    self.allocated = allocated
    self.filesystem = filesystem
    isComplete = size == 0
  }

  init(descriptor: Int32, _ status: stat, filesystem: any Filesystem) {
    self.init(
      descriptor: descriptor, size: UInt64(max(0, status.st_size)),
      allocated: UInt64(max(0, status.st_blocks)) &* 512, filesystem: filesystem)
  }

  /// Bytes; a cluster, where there are any.
  var blockSize: UInt64 { filesystem.mount.blockSize }

  /// How pieces are read that lie in one piece on the device.
  var deviceLayout: Chunk.Layout { filesystem.mount.isPlainDevice ? .exact : .unproven }

  var hasHoles: Bool { size >= 4096 && allocated <= size - 4096 }

  /// Whether there is no end to reading the file: its size may be anything, and nothing tells where in it data are.
  var isBeyondReach: Bool {
    filesystem.hidesHoles && hasHoles && size / filesystem.unmappedPiece(of: self).size > Self.maximumBlindPieces
  }

  /// The same file, of which `pieces` are read, to prove that it is there.
  func proving(_ pieces: [Piece]) -> FileLayout {
    var copy = self
    copy.known = KnownPieces(pieces)
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

  /// The next extents as the filesystem reports them; nil where it does not.
  mutating func nextReported() -> [Piece]? {
    isWhole = true
    return isComplete ? [] : fiemapPage()
  }

  /// How many bytes of the file the filesystem reports the places of; `UInt64.max` where it does not.
  func reportedBytes() -> UInt64 {
    var copy = self
    var bytes: UInt64 = 0
    while !copy.isComplete {
      guard let page = copy.nextReported() else { return .max }
      for piece in page { bytes &+= piece.length }
    }
    return bytes
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

  /// Makes a filesystem without FIEMAP read the list of all of the file's blocks.
  func warmBlockMap() { _ = clinux_fibmap_last(descriptor, size) }

  /// Makes ntfs-3g read where a byte of the file is.
  func warmBlockMap(at offset: UInt64) {
    let block = clinux_block_size(descriptor)
    if block > 0 { _ = clinux_fibmap(descriptor, offset / UInt64(block)) }
  }
}

extension DirectReads {
  /// Files with smaller blocks are read from the device, where FIBMAP says they are; nil: none are.
  fileprivate var deviceBlockLimit: UInt64? {
    switch self {
    case .files: nil
    case .filesInPages: FileLayout.memoryPage
    case .device: .max
    }
  }
}

extension [FileLayout.Piece] {
  /// Adds a piece, in parts of no more than `limit` bytes.
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
