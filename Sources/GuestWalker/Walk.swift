import CLinux
import Glibc
import NTFSRecords
import WalkRecord

/// Walks one mounted filesystem from its root, directory by directory.
///
/// One directory is open at a time, whatever the depth: the way back up is `..`. A directory is read before anything
/// in it is looked up, so that what is read for its entries is read in sight.
struct Walk {
  private struct Inode: Hashable {
    var device: UInt64
    var number: UInt64

    init(_ status: stat) {
      device = UInt64(status.st_dev)
      number = UInt64(status.st_ino)
    }
  }

  /// A directory that is not finished.
  private struct Frame {
    /// Empty for the root.
    var name: [UInt8]
    var inode: Inode
    var object: Record.ObjectID
    var subdirectories: [[UInt8]]
  }

  /// Deeper than any real tree; every level makes each path below it longer.
  private static let maximumDepth = 8192

  /// Of a large file so much is proof enough.
  private static let sampledBytes: UInt64 = 8 << 20

  /// No block is larger, and inline data is smaller than a block.
  private static let mostInlineBytes = 64 << 10

  private let filesystem: Filesystem
  private let channel: Channel
  private let method: Method
  private var sample: Sample
  /// Of NTFS.
  private var table: FileTable?
  private var queue: ReadQueue
  private var nextObject: Record.ObjectID = 1
  private var links: [Inode: Record.ObjectID] = [:]
  private var directories: Set<Inode> = []
  private var stack: [Frame] = []
  private var current: Int32 = -1
  private let buffer = AlignedBuffer(size: 256 << 10)

  init(filesystem: Filesystem, channel: Channel, method: Method) {
    self.filesystem = filesystem
    self.channel = channel
    table = filesystem.boot.flatMap { FileTable(device: filesystem.direct, boot: $0) }
    self.method = filesystem.tellsExtents && (filesystem.boot == nil || table != nil) ? method : .read
    if case .extents(let proof) = self.method { sample = Sample(count: proof ?? 0) } else { sample = Sample(count: 0) }
    queue = ReadQueue(filesystem: filesystem, channel: channel)
  }

  mutating func run() throws(WalkError) {
    try channel.say(.begin(inodes: filesystem.inodesInUse, bytes: filesystem.bytesInUse))
    try enter(name: Array(filesystem.directory.utf8), in: AT_FDCWD, parent: 0)
    while let top = stack.indices.last {
      if let name = stack[top].subdirectories.popLast() {
        try enter(name: name, in: current, parent: stack[top].object)
      } else {
        stack.removeLast()
        try leave()
      }
    }
    try queue.drain()
    try readSample()
    try channel.say(.end)
  }

  private mutating func leave() throws(WalkError) {
    guard let parent = stack.last else {
      close(current)
      return
    }
    let up = clinux_openat(current, "..", O_RDONLY | O_DIRECTORY, 0)
    var status = stat()
    guard up >= 0, fstat(up, &status) == 0, Inode(status) == parent.inode else {
      throw .system("the way back from a directory")
    }
    close(current)
    current = up
  }

  /// Declares the object `nextObject`.
  private mutating func declare(_ kind: Record.Kind, parent: Record.ObjectID, name: [UInt8]) throws(WalkError) {
    try channel.note(.object(id: nextObject, parent: parent, kind: kind, name: name))
    nextObject += 1
  }

  /// Reads a directory, queues its files and makes it the current one.
  private mutating func enter(name: [UInt8], in directory: Int32, parent: Record.ObjectID) throws(WalkError) {
    guard stack.count < Self.maximumDepth else {
      return try channel.note(.failure(parent: parent, errno: ENAMETOOLONG, name: name))
    }
    guard let opened = try open(name: name, in: directory, parent: parent) else { return }
    let isRoot = parent == 0
    if !isRoot { close(current) }
    current = opened.descriptor
    stack.append(Frame(name: isRoot ? [] : name, inode: opened.inode, object: opened.object, subdirectories: []))
    for entry in opened.entries {
      switch try kind(of: entry, in: opened) {
      case .directory: stack[stack.count - 1].subdirectories.append(entry.name)
      case .file: try add(file: entry.name, in: opened)
      case .other: try add(other: entry.name, in: opened)
      case .unknown: break
      }
    }
    // The last is taken first.
    stack[stack.count - 1].subdirectories.reverse()
  }

  private struct OpenDirectory {
    var descriptor: Int32
    var inode: Inode
    var object: Record.ObjectID
    var entries: [DirectoryEntry]
  }

  /// Opens a directory and reads its entries, so that the reads of its blocks are known as its own.
  ///
  /// Nil: it is on another filesystem (a Btrfs subvolume), or cannot be read, or was here before.
  private mutating func open(
    name: [UInt8], in directory: Int32, parent: Record.ObjectID
  ) throws(WalkError) -> OpenDirectory? {
    let object = nextObject
    let flags = O_RDONLY | O_DIRECTORY | O_NOFOLLOW
    let declaredName = parent == 0 ? [] : name
    var status = stat()
    var isAnnounced = false
    let stream = Chunk(number: queue.takeChunkNumber(), object: object, offset: 0, length: 0, layout: .stream)
    switch filesystem.kind {
    case .ext: break
    case .fat, .exfat, .btrfs:
      // FAT: to look a directory up is to read all of it. Btrfs: to read its inode is to read its entries, or some.
      try declare(.directory, parent: parent, name: declaredName)
      if parent == 0, let place = filesystem.rootDirectory {
        try tell(object, at: 0, place, number: queue.takeChunkNumber())
        // What is read now is nothing else's.
        try channel.say(.idle)
      } else {
        try channel.say(.chunk(stream))
      }
      isAnnounced = true
    case .fuse, .squashfs, .minix, .xfs, .other:
      // To look it up is to read its inode; to open it may be to read its first block.
      guard withName(name, { fstatat(directory, $0, &status, AT_SYMLINK_NOFOLLOW) }) == 0 else {
        try channel.note(.failure(parent: parent, errno: errno, name: name))
        return nil
      }
      guard isOnThisFilesystem(Inode(status)) else { return nil }
      try declare(.directory, parent: parent, name: declaredName)
      try channel.say(.chunk(stream))
      isAnnounced = true
    }
    let descriptor = withName(name) { clinux_openat(directory, $0, flags, 0) } ?? -1
    guard descriptor >= 0, fstat(descriptor, &status) == 0, isOnThisFilesystem(Inode(status)) else {
      let failure = errno
      if isAnnounced { try channel.say(.idle) }
      if descriptor >= 0 {
        close(descriptor)
      } else {
        try channel.note(.failure(parent: parent, errno: failure, name: name))
      }
      return nil
    }
    guard directories.insert(Inode(status)).inserted else {
      if isAnnounced { try channel.say(.idle) }
      close(descriptor)
      try channel.note(.failure(parent: parent, errno: ELOOP, name: name))
      return nil
    }
    if !isAnnounced {
      try declare(.directory, parent: parent, name: declaredName)
    }
    if filesystem.kind == .btrfs { try channel.note(.inode(id: object, number: UInt64(status.st_ino))) }
    let entries = DirectoryEntry.all(in: descriptor, buffer: buffer)
    let failure = errno
    if isAnnounced { try channel.say(.idle) }
    if entries == nil { try channel.note(.failure(parent: parent, errno: failure, name: name)) }
    if filesystem.kind == .xfs, status.st_blocks > 0, status.st_blocks &* 512 > status.st_size {
      // It has no FIEMAP for directories.
      try channel.note(.inode(id: object, number: UInt64(status.st_ino)))
    }
    if filesystem.kind == .ext {
      try addDirectoryBlocks(descriptor, status: status, object: object, parent: parent, name: name)
    }
    return OpenDirectory(
      descriptor: descriptor, inode: Inode(status), object: object, entries: entries ?? [])
  }

  private func isOnThisFilesystem(_ inode: Inode) -> Bool {
    stack.first.map { $0.inode.device == inode.device } ?? true
  }

  /// ext2/3/4 tells where a directory's blocks are, and their order in an indexed directory is not that of its entries.
  private mutating func addDirectoryBlocks(
    _ descriptor: Int32, status: stat, object: Record.ObjectID, parent: Record.ObjectID, name: [UInt8]
  ) throws(WalkError) {
    let layout = FileLayout(
      descriptor: descriptor, size: UInt64(max(0, status.st_size)), allocated: UInt64(max(0, status.st_blocks)) &* 512,
      filesystem: filesystem)
    let told = method == .read ? nil : try tell(layout, object: object)
    try noteKeptBlocks(descriptor, status, object, data: told?.bytes)
    if told != nil { return }
    let copy = dup(descriptor)
    guard copy >= 0 else { throw .system("a directory") }
    try addToQueue(
      ReadQueue.Item(
        object: object, parent: parent, name: name, layout: layout.reading(copy), isDirect: true, throughDevice: true))
  }

  /// What the filesystem told of a file.
  private struct Told {
    var pieces: UInt64 = 0
    var bytes: UInt64 = 0
    /// Some extents are encoded, and have to be read.
    var hasEncoded = false
  }

  /// Says where the filesystem has a file's or a directory's bytes; nil where it does not tell.
  private mutating func tell(_ layout: FileLayout, object: Record.ObjectID) throws(WalkError) -> Told? {
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
        try channel.note(
          .chunk(
            Chunk(
              number: queue.takeChunkNumber(), object: object, offset: piece.offset, length: piece.length,
              layout: .told,
              physical: physical)))
      }
    }
    return told
  }

  /// Says where a file's bytes are, as it has been found out.
  private mutating func tell(_ pieces: [FileLayout.Piece], object: Record.ObjectID) throws(WalkError) {
    for piece in pieces {
      try channel.note(
        .chunk(
          Chunk(
            number: queue.takeChunkNumber(), object: object, offset: piece.offset, length: piece.length,
            layout: .told, physical: piece.physical ?? 0)))
    }
  }

  /// Reads some of the files that were told, for virt-bmap to see whether they are where they are said to be.
  private mutating func readSample() throws(WalkError) {
    for file in sample.files {
      let path = Array(filesystem.directory.utf8) + file.path
      let descriptor =
        withName(path) {
          clinux_openat(AT_FDCWD, $0, O_RDONLY | O_NOFOLLOW | O_NONBLOCK, filesystem.kind == .minix ? 0 : 1)
        } ?? -1
      var status = stat()
      guard descriptor >= 0, fstat(descriptor, &status) == 0 else { continue }
      var item = item(descriptor, status, file.object, file.parent, file.name, isDirect: true, .proof)
      if let pieces = knownPieces(of: item.layout, status) { item.layout = item.layout.proving(pieces) }
      item.limit = Self.sampledBytes
      try addToQueue(item)
    }
    try queue.drain()
  }

  private func item(
    _ descriptor: Int32, _ status: stat, _ object: Record.ObjectID, _ parent: Record.ObjectID, _ name: [UInt8],
    isDirect: Bool, _ purpose: ReadQueue.Purpose
  ) -> ReadQueue.Item {
    // Where a direct read becomes a buffered one, as it does for compressed data, no reading ahead.
    posix_fadvise(descriptor, 0, 0, POSIX_FADV_RANDOM)
    let layout = FileLayout(
      descriptor: descriptor, size: UInt64(max(0, status.st_size)),
      allocated: UInt64(max(0, status.st_blocks)) &* 512, filesystem: filesystem)
    return ReadQueue.Item(
      object: object, parent: parent, name: name, layout: layout, isDirect: isDirect, throughDevice: false,
      purpose: purpose)
  }

  private func tell(_ object: Record.ObjectID, at offset: UInt64, _ place: Range<UInt64>, number: UInt32)
    throws(WalkError)
  {
    try channel.note(
      .chunk(
        Chunk(
          number: number, object: object, offset: offset, length: place.upperBound - place.lowerBound, layout: .told,
          physical: place.lowerBound)))
  }

  /// A small file's bytes may be where its inode is: ext4 and NTFS's table say where, and of Btrfs virt-bmap reads the tree.
  private mutating func noteInlineData(
    _ descriptor: Int32, _ status: stat, _ object: Record.ObjectID
  ) throws(WalkError) {
    guard status.st_size > 0, status.st_size <= Self.mostInlineBytes else { return }
    switch filesystem.kind {
    case .btrfs: try channel.note(.inode(id: object, number: UInt64(status.st_ino)))
    case .ext where UInt64(max(0, status.st_blocks)) &* 512 < filesystem.blockSize:
      // Such a file has no block, though ext4 counts its bytes as sectors.
      guard let piece = FileLayout.inlineData(of: descriptor), let physical = piece.physical,
        physical < UInt64.max - piece.length
      else { return }
      try tell(object, at: 0, physical..<physical + piece.length, number: queue.takeChunkNumber())
    case .fuse where status.st_size <= BootSector.mostRecordBytes && status.st_blocks &* 512 < status.st_size + 512:
      if let pieces = table?.residentPieces(of: UInt64(status.st_ino)) { try tell(pieces, object: object) }
    default: return
    }
  }

  /// What ext2/3/4 and XFS keep for an object in blocks of their own, beside its bytes: extended attributes, of which XFS
  /// says where those of files are, and, on ext2/3/4, the list of its blocks, too; there virt-bmap asks debugfs.
  /// - Parameter data: how many bytes the filesystem has told of; nil: they have to be counted.
  private mutating func noteKeptBlocks(
    _ descriptor: Int32, _ status: stat, _ object: Record.ObjectID, data: UInt64?
  ) throws(WalkError) {
    guard filesystem.kind == .ext || filesystem.kind == .xfs, status.st_blocks > 0 else { return }
    let layout = FileLayout(
      descriptor: descriptor, size: UInt64(max(0, status.st_size)), allocated: UInt64(status.st_blocks) &* 512,
      filesystem: filesystem)
    guard layout.allocated > data ?? layout.toldBytes() else { return }
    if filesystem.kind == .ext { return try channel.note(.inode(id: object, number: UInt64(status.st_ino))) }
    for piece in FileLayout.attributeBlocks(of: descriptor) {
      try channel.note(
        .chunk(
          Chunk(
            number: queue.takeChunkNumber(), object: object, offset: piece.offset, length: piece.length, layout: .kept,
            physical: piece.physical ?? 0)))
    }
  }

  /// A symbolic link or a special file that may have blocks of its own. It cannot be asked for them: virt-bmap asks the
  /// filesystem's tools.
  private mutating func add(other name: [UInt8], in directory: OpenDirectory) throws(WalkError) {
    guard [.ext, .xfs, .btrfs].contains(filesystem.kind) else { return }
    var status = stat()
    guard withName(name, { fstatat(directory.descriptor, $0, &status, AT_SYMLINK_NOFOLLOW) }) == 0,
      isOnThisFilesystem(Inode(status))
    else { return }
    // Btrfs has a link's target in its tree.
    guard filesystem.kind == .btrfs ? status.st_mode & S_IFMT == S_IFLNK : status.st_blocks > 0,
      try !isLink(status, name: name, in: directory)
    else { return }
    let object = nextObject
    try declare(.other, parent: directory.object, name: name)
    try channel.note(.inode(id: object, number: UInt64(status.st_ino)))
  }

  /// From the root of the filesystem, to a name in the current directory; nil for one that no system call takes.
  private func path(to name: [UInt8]) -> [UInt8]? {
    var path: [UInt8] = []
    for part in stack.dropFirst().map(\.name) + [name] {
      path.append(0x2f)
      path.append(contentsOf: part)
    }
    return path.count + filesystem.directory.utf8.count < Int(PATH_MAX) ? path : nil
  }

  private mutating func addToQueue(_ item: ReadQueue.Item) throws(WalkError) {
    if queue.isFull { try queue.drain() }
    queue.add(item)
  }

  private func kind(
    of entry: DirectoryEntry, in directory: OpenDirectory
  ) throws(WalkError) -> DirectoryEntry.Kind {
    guard entry.kind == .unknown else { return entry.kind }
    var status = stat()
    guard withName(entry.name, { fstatat(directory.descriptor, $0, &status, AT_SYMLINK_NOFOLLOW) }) == 0 else {
      try channel.note(.failure(parent: directory.object, errno: errno, name: entry.name))
      return .other
    }
    switch status.st_mode & S_IFMT {
    case S_IFDIR: return .directory
    case S_IFREG: return .file
    default: return .other
    }
  }

  /// Says so of a name of a file that has had another before.
  private mutating func isLink(
    _ status: stat, name: [UInt8], in directory: OpenDirectory
  ) throws(WalkError) -> Bool {
    guard status.st_nlink > 1 else { return false }
    let inode = Inode(status)
    if let object = links[inode] {
      try channel.note(.link(id: object, parent: directory.object, name: name))
      return true
    }
    links[inode] = nextObject
    return false
  }

  /// Takes a file from NTFS's file table, without opening it.
  /// - Returns: false where it has to be opened and read.
  private mutating func addFromTable(_ name: [UInt8], in directory: OpenDirectory) throws(WalkError) -> Bool {
    guard case .extents(let proof) = method, proof != nil, table != nil else { return false }
    var status = stat()
    guard withName(name, { fstatat(directory.descriptor, $0, &status, AT_SYMLINK_NOFOLLOW) }) == 0,
      status.st_mode & S_IFMT == S_IFREG, isOnThisFilesystem(Inode(status))
    else { return false }
    let size = UInt64(max(0, status.st_size))
    guard let pieces = size == 0 ? [] : table?.pieces(of: UInt64(status.st_ino), size: size) else { return false }
    guard try !isLink(status, name: name, in: directory) else { return true }
    let object = nextObject
    try declare(.file, parent: directory.object, name: name)
    try tell(pieces, object: object)
    addToSample(object, pieces, size: size, name: name, in: directory)
    return true
  }

  /// Says where a file is that is open, as far as the filesystem tells.
  /// - Returns: false where it has to be read, for what is left of it or as proof.
  private mutating func tellAndSample(
    _ item: inout ReadQueue.Item, _ status: stat, in directory: OpenDirectory
  ) throws(WalkError) -> Bool {
    guard case .extents(let proof) = method, item.isDirect || filesystem.hasBlockLists else {
      try noteInlineData(item.layout.descriptor, status, item.object)
      try noteKeptBlocks(item.layout.descriptor, status, item.object, data: nil)
      return false
    }
    if let pieces = knownPieces(of: item.layout, status) {
      try tell(pieces, object: item.object)
      addToSample(item.object, pieces, size: item.layout.size, name: item.name, in: directory)
      item.layout = item.layout.proving(pieces.filter { !$0.isInRecord })
      item.purpose = .proof
      return proof != nil
    }
    try noteInlineData(item.layout.descriptor, status, item.object)
    let result = try tell(item.layout, object: item.object)
    try noteKeptBlocks(item.layout.descriptor, status, item.object, data: result?.bytes)
    guard let told = result else { return false }
    if let path = path(to: item.name), told.pieces > 0 {
      sample.add(
        Sample.Candidate(
          object: item.object, parent: directory.object, name: item.name, path: path, size: item.layout.size,
          pieces: told.pieces, hasHoles: told.bytes < item.layout.size))
    }
    item.purpose = told.hasEncoded ? .encodedOnly : .proof
    return !told.hasEncoded && proof != nil
  }

  /// Where a file is on a filesystem without FIEMAP; nil where that is not known.
  private mutating func knownPieces(of layout: FileLayout, _ status: stat) -> [FileLayout.Piece]? {
    if filesystem.hasBlockLists { return layout.blockList() }
    return table?.pieces(of: UInt64(status.st_ino), size: layout.size)
  }

  private mutating func addToSample(
    _ object: Record.ObjectID, _ pieces: [FileLayout.Piece], size: UInt64, name: [UInt8], in directory: OpenDirectory
  ) {
    // What is in a record is read with it.
    guard let path = path(to: name), !pieces.isEmpty, !pieces.contains(where: \.isInRecord) else { return }
    sample.add(
      Sample.Candidate(
        object: object, parent: directory.object, name: name, path: path, size: size, pieces: UInt64(pieces.count),
        hasHoles: pieces.reduce(0) { $0 &+ $1.length } < size))
  }

  private mutating func add(file name: [UInt8], in directory: OpenDirectory) throws(WalkError) {
    guard try !addFromTable(name, in: directory) else { return }
    let flags = O_RDONLY | O_NOFOLLOW | O_NONBLOCK
    var isDirect = true
    var descriptor = withName(name) { clinux_openat(directory.descriptor, $0, flags, 1) } ?? -1
    if descriptor < 0, errno == EINVAL {
      isDirect = false
      descriptor = withName(name) { clinux_openat(directory.descriptor, $0, flags, 0) } ?? -1
    }
    var status = stat()
    guard descriptor >= 0, fstat(descriptor, &status) == 0 else {
      return try channel.note(.failure(parent: directory.object, errno: errno, name: name))
    }
    guard status.st_mode & S_IFMT == S_IFREG else {
      close(descriptor)
      return
    }
    guard try !isLink(status, name: name, in: directory) else {
      close(descriptor)
      return
    }
    let object = nextObject
    try declare(.file, parent: directory.object, name: name)
    var item = item(descriptor, status, object, directory.object, name, isDirect: isDirect, .map)
    if try tellAndSample(&item, status, in: directory) {
      close(descriptor)
      return
    }
    guard !item.layout.isBeyondReach else {
      close(descriptor)
      return try channel.note(.failure(parent: directory.object, errno: EFBIG, name: name))
    }
    try addToQueue(item)
  }
}
