import CLinux
import Glibc
import WalkRecord

/// Reads queued files and directories, one piece after the other, with a record before each.
///
/// The recorder only sees reads of disks, so every read must be attributable to one piece, and must show which of
/// the piece's bytes it returned. Two things ensure this:
/// - All objects in the queue are opened and their layouts fetched before the first piece is read. The only reads
///   after a piece's record are then the piece's own. If other reads are necessary, an `idle` record precedes them.
/// - After a batch, the queue asks the recorder which chunks were ambiguous: those whose reads do not show which
///   bytes each range holds. It reads these again in halves, down to single blocks. A block that is still ambiguous
///   after one more read stays so. Then a `settled` record ends the batch.
struct ReadQueue {
  /// An object to be read.
  struct Item {
    var object: Record.ObjectID
    var parent: Record.ObjectID
    var name: [UInt8]
    var layout: FileLayout
    /// Reads bypass the page cache.
    var isDirect: Bool
    /// A directory of ext2/3/4: its blocks are read from the device, which supports direct reads.
    var throughDevice: Bool
    var purpose = Purpose.map
    /// The most bytes to read.
    var limit = UInt64.max
    /// Its start may be in the device's cache.
    var isReadUnasked = false
  }

  /// Why an item is read.
  enum Purpose {
    case map
    /// The other pieces have been reported: only the encoded ones are left to be read.
    case encodedOnly
    /// It has been reported: it is read only to prove that the report is right.
    case proof
  }

  /// A piece that was read and may turn out to be ambiguous.
  private struct Outstanding {
    var item: Int
    var piece: FileLayout.Piece
    /// The piece is a single block that was read a second time.
    var isAgain = false
  }

  private static let maximumItems = 64
  private static let maximumOutstanding = Feedback.capacity / 2
  /// On filesystems that need a second read, files up to this size are first read in one go.
  private static let smallFile: UInt64 = 1 << 20

  private let filesystem: any WalkedFilesystem
  private let channel: Channel
  private var items: [Item] = []
  /// The pieces of each item to be read next.
  private var pages: [[FileLayout.Piece]] = []
  private var outstanding: [UInt32: Outstanding] = [:]
  private var nextChunk: UInt32 = 1
  private let buffer = AlignedBuffer(size: Int(FileLayout.maximumPiece) + 65_536)

  init(filesystem: any WalkedFilesystem, channel: Channel) {
    self.filesystem = filesystem
    self.channel = channel
  }

  var isFull: Bool { items.count >= Self.maximumItems }

  /// Returns a number for a chunk that is not read through the queue.
  mutating func takeChunkNumber() -> UInt32 {
    defer { nextChunk &+= 1 }
    return nextChunk
  }

  /// Adds an item and takes ownership of its file descriptor. Reads what the filesystem needs to know before the
  /// data is read.
  mutating func add(_ item: Item) throws(WalkError) {
    var item = item
    // Direct reads may fall back to buffered ones, as for compressed data. Turn readahead off for those.
    if !item.throughDevice { posix_fadvise(item.layout.descriptor, 0, 0, POSIX_FADV_RANDOM) }
    // A page is empty if it contains only unwritten extents.
    var page = item.layout.nextPage()
    while page.isEmpty, !item.layout.isComplete { page = item.layout.nextPage() }
    try noteFailure(of: item)
    if page.isEmpty {
      close(item.layout.descriptor)
      return
    }
    if filesystem.needsSecondRead, item.layout.size <= Self.smallFile {
      for piece in page { _ = read(piece, of: item) }
    }
    item.isReadUnasked = filesystem.isReadUnasked(item.layout)
    items.append(item)
    pages.append(page)
  }

  /// Reads everything that is queued.
  mutating func drain() throws(WalkError) {
    guard !items.isEmpty else { return }
    filesystem.readingAhead?.putRequestsTogether(false)
    defer { filesystem.readingAhead?.putRequestsTogether(true) }
    for index in items.indices { try readItem(index) }
    try settle()
    for item in items { close(item.layout.descriptor) }
    items.removeAll(keepingCapacity: true)
    pages.removeAll(keepingCapacity: true)
  }

  private mutating func readItem(_ index: Int) throws(WalkError) {
    var done: UInt64 = 0
    while true {
      for piece in pages[index] {
        guard done < items[index].limit else { return }
        done &+= piece.length
        guard try readRecorded(piece, item: index, replaces: 0) else { return }
        if outstanding.count >= Self.maximumOutstanding { try settle() }
      }
      guard !items[index].layout.isComplete else { return }
      try channel.say(.idle)
      pages[index] = items[index].layout.nextPage()
      try noteFailure(of: items[index])
    }
  }

  private func noteFailure(of item: Item) throws(WalkError) {
    guard let errno = item.layout.failure else { return }
    try channel.note(.failure(parent: item.parent, errno: errno, name: item.name))
  }

  /// Reads a piece, with a record before it.
  /// - Returns: false if the rest of the object cannot be read.
  private mutating func readRecorded(
    _ piece: FileLayout.Piece, item index: Int, replaces: UInt32, isAgain: Bool = false
  ) throws(WalkError) -> Bool {
    let item = items[index]
    // Without the location of a directory's blocks, there is nothing to read.
    if item.throughDevice, piece.physical == nil { return true }
    if item.purpose != .map, (piece.layout == .encoded) == (item.purpose == .proof) { return true }
    if filesystem.needsSecondRead, item.layout.size > Self.smallFile {
      try channel.say(.idle)
      _ = read(piece, of: item)
    }
    try filesystem.prepare(piece, of: item, isAgain: replaces != 0, channel)
    if filesystem.needsSecondRead || !item.isDirect {
      posix_fadvise(item.layout.descriptor, 0, 0, POSIX_FADV_DONTNEED)
    }
    let number = takeChunkNumber()
    var chunk = Chunk(
      number: number, replaces: replaces, object: item.object, offset: piece.offset, length: piece.length,
      layout: item.purpose == .proof ? .proof : piece.layout, physical: piece.physical ?? 0)
    if let around = piece.around { (chunk.physical, chunk.length) = (around.lowerBound, UInt64(around.count)) }
    try channel.say(.chunk(chunk))
    guard read(piece, of: item) else {
      try channel.note(.failure(parent: item.parent, errno: errno, name: item.name))
      return false
    }
    if piece.layout.isExact, item.purpose != .proof {
      outstanding[number] = Outstanding(item: index, piece: piece, isAgain: isAgain)
    }
    return true
  }

  /// Returns false with errno set if the piece cannot be read.
  private func read(_ piece: FileLayout.Piece, of item: Item) -> Bool {
    let throughDevice = item.throughDevice || piece.isOnDevice
    let descriptor = throughDevice ? filesystem.mount.device : item.layout.descriptor
    let blockSize = filesystem.mount.blockSize
    let start = throughDevice ? piece.physical ?? 0 : piece.offset
    if !item.isDirect, !throughDevice {
      // With readahead off, this is the only way to read more than a page at a time.
      _ = clinux_readahead(descriptor, start, Int(piece.length))
    }
    var done: UInt64 = 0
    while done < piece.length {
      let left = piece.length - done
      let wanted = (left + blockSize - 1) / blockSize * blockSize
      let count = pread(
        descriptor, buffer.bytes.baseAddress, min(Int(wanted), buffer.bytes.count),
        off_t(truncatingIfNeeded: start &+ done))
      guard count >= 0 else { return false }
      guard count > 0 else { return true }
      done += UInt64(count)
    }
    return true
  }

  /// Asks which pieces are ambiguous and reads those again in halves, until none is ambiguous or only single blocks
  /// are left. A block is read once more, because the kernel's readahead from when a file was opened, for example of
  /// the inode table, may have arrived late.
  private mutating func settle() throws(WalkError) {
    let smallest = min(4096, filesystem.mount.blockSize)
    var ambiguous: [(number: UInt32, whole: Outstanding)] = []
    while !outstanding.isEmpty || !ambiguous.isEmpty {
      try channel.say(.idle)
      for number in try channel.ask() {
        guard let whole = outstanding[number], !whole.isAgain else { continue }
        ambiguous.append((number, whole))
      }
      outstanding.removeAll(keepingCapacity: true)
      // No more than fit into one answer: a chunk left out of it would never be read again.
      for _ in 0..<Feedback.capacity / 2 {
        guard let (number, whole) = ambiguous.popLast() else { break }
        if whole.piece.length <= smallest {
          _ = try readRecorded(whole.piece, item: whole.item, replaces: number, isAgain: true)
          continue
        }
        let half = (whole.piece.length / 2 + smallest - 1) / smallest * smallest
        var first = whole.piece
        first.length = half
        var second = whole.piece
        second.offset += half
        second.length -= half
        second.physical = second.physical.map { $0 &+ half }
        for piece in [first, second] where piece.length > 0 {
          _ = try readRecorded(piece, item: whole.item, replaces: number)
        }
      }
    }
    try channel.say(.idle)
    try channel.note(.settled)
  }
}
