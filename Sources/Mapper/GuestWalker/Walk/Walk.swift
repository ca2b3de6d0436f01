import CLinux
import Glibc
import NTFSRecords
import WalkRecord

/// Walks one mounted filesystem from its root, directory by directory.
///
/// One directory is open at a time, whatever the depth: the way back up is `..`. A directory is read before anything
/// in it is looked up, so that what is read for its entries is read in sight.
struct Walk {
  struct Inode: Hashable {
    var device: UInt64
    var number: UInt64

    init(_ status: stat) {
      device = UInt64(status.st_dev)
      number = UInt64(status.st_ino)
    }
  }

  /// A directory that is not finished.
  struct Frame {
    /// Empty for the root.
    var name: [UInt8]
    var inode: Inode
    var object: Record.ObjectID
    /// The last is the next.
    var subdirectories: [[UInt8]]
    /// How many of the next have been read ahead.
    var readAhead = 0
  }

  /// Deeper than any real tree; every level makes each path below it longer.
  static let maximumDepth = 8192

  /// So many directories are read ahead together.
  private static let readAheadAtOnce = 256

  let filesystem: Filesystem
  let channel: Channel
  let method: WalkMethod
  var sample: Sample
  /// Of ext4.
  let inodes: InodeTable?
  /// Of NTFS.
  var table: FileTable?
  var queue: ReadQueue
  var nextObject: Record.ObjectID = 1
  var links: [Inode: Record.ObjectID] = [:]
  var directories: Set<Inode> = []
  var stack: [Frame] = []
  private var current: Int32 = -1
  private let buffer = AlignedBuffer(size: 256 << 10)

  init(filesystem: Filesystem, channel: Channel, method: WalkMethod) {
    self.filesystem = filesystem
    self.channel = channel
    inodes = filesystem.kind == .ext ? InodeTable(device: filesystem.direct) : nil
    table = filesystem.boot.flatMap { FileTable(device: filesystem.direct, boot: $0) }
    self.method = filesystem.tellsExtents && (filesystem.boot == nil || table != nil) ? method : .read
    if case .extents(let proof) = self.method { sample = Sample(count: proof ?? 0) } else { sample = Sample(count: 0) }
    queue = ReadQueue(filesystem: filesystem, channel: channel)
  }

  mutating func run() throws(WalkError) {
    filesystem.readingAhead?.putRequestsTogether(true)
    defer { filesystem.readingAhead?.putRequestsTogether(false) }
    try channel.say(.begin(inodes: filesystem.inodesInUse, bytes: filesystem.bytesInUse))
    try enter(name: Array(filesystem.directory.utf8), in: AT_FDCWD, parent: 0)
    while let top = stack.indices.last {
      if let name = takeSubdirectory(of: top) {
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

  /// The next directory to be entered in one that is the current one.
  private mutating func takeSubdirectory(of frame: Int) -> [UInt8]? {
    if stack[frame].readAhead == 0, stack[frame].subdirectories.count > 1, let ahead = filesystem.readingAhead {
      let next = stack[frame].subdirectories.suffix(Self.readAheadAtOnce)
      ahead.read(next, in: current)
      stack[frame].readAhead = next.count
    }
    guard let name = stack[frame].subdirectories.popLast() else { return nil }
    stack[frame].readAhead = max(0, stack[frame].readAhead - 1)
    return name
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
  mutating func declare(_ kind: Record.Kind, parent: Record.ObjectID, name: [UInt8]) throws(WalkError) {
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
    stack[stack.count - 1].subdirectories.reverse()
  }

  struct OpenDirectory {
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
        try note(.told, object, at: 0, place.lowerBound, length: place.upperBound - place.lowerBound)
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
      if table != nil, status.st_mode & S_IFMT == S_IFLNK {
        try add(linkedDirectory: name, status, parent: parent)
        return nil
      }
      // NTFS's table says where it is: to list it, ntfs-3g reads the beginnings of some of its files, too.
      if table == nil {
        try declare(.directory, parent: parent, name: declaredName)
        try channel.say(.chunk(stream))
        isAnnounced = true
      }
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
    if filesystem.kind == .xfs, status.st_blocks > 0 {
      // It has no FIEMAP for directories, and reads ahead in them, so that the order of the reads says little.
      try channel.note(.inode(id: object, number: UInt64(status.st_ino)))
    }
    try noteKeptAttributes(status, object)
    if table != nil {
      if let pieces = table?.directoryPieces(of: UInt64(status.st_ino)) {
        try tell(pieces, object: object)
      } else if entries != nil {
        try channel.note(.failure(parent: parent, errno: EUCLEAN, name: name))
      }
    }
    if filesystem.kind == .ext {
      try addDirectoryBlocks(descriptor, status: status, object: object, parent: parent, name: name)
    }
    return OpenDirectory(
      descriptor: descriptor, inode: Inode(status), object: object, entries: entries ?? [])
  }

  func isOnThisFilesystem(_ inode: Inode) -> Bool {
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

  mutating func addToQueue(_ item: ReadQueue.Item) throws(WalkError) {
    if queue.isFull { try queue.drain() }
    try queue.add(item)
    if item.layout.isLarge { try queue.drain() }
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
}
