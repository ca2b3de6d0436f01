import CLinux
import Glibc
import WalkRecord

/// Walks one mounted filesystem from its root, directory by directory.
///
/// Only one directory is open at a time, at any depth: the walk goes back up through `..`. A directory is read
/// before any of its names is looked up, so that reads of its entries can be attributed to it. `filesystem` decides
/// whatever depends on the type of filesystem.
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
    /// In reverse order: the last one is entered next.
    var subdirectories: [[UInt8]]
    /// How many of the next subdirectories have been read ahead.
    var readAhead = 0
  }

  /// Deeper than any real tree. Every level makes the paths below it longer.
  static let maximumDepth = 8192

  /// The number of directories that are read ahead together.
  private static let readAheadAtOnce = 256

  let filesystem: any WalkedFilesystem
  let channel: Channel
  let method: WalkMethod
  var sample: Sample
  var queue: ReadQueue
  var nextObject: Record.ObjectID = 1
  var links: [Inode: Record.ObjectID] = [:]
  var directories: Set<Inode> = []
  var stack: [Frame] = []
  private var current: Int32 = -1
  let buffer = AlignedBuffer(size: 256 << 10)

  init(filesystem: any WalkedFilesystem, channel: Channel, method: WalkMethod) {
    self.filesystem = filesystem
    self.channel = channel
    self.method = filesystem.extentSource == .none ? .read : method
    if case .extents(let proof) = self.method { sample = Sample(count: proof ?? 0) } else { sample = Sample(count: 0) }
    queue = ReadQueue(filesystem: filesystem, channel: channel)
  }

  mutating func run() throws(WalkError) {
    filesystem.readingAhead?.putRequestsTogether(true)
    defer { filesystem.readingAhead?.putRequestsTogether(false) }
    let mount = filesystem.mount
    try channel.say(.begin(inodes: mount.inodesInUse, bytes: mount.bytesInUse))
    try enter(name: Array(mount.directory.utf8), in: AT_FDCWD, parent: 0)
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

  /// The next subdirectory to enter; nil if there are no more. The frame's directory must be the current one.
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
    stack.append(
      Frame(name: isRoot ? [] : name, inode: Inode(opened.status), object: opened.object, subdirectories: []))
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

  func isOnThisFilesystem(_ inode: Inode) -> Bool {
    stack.first.map { $0.inode.device == inode.device } ?? true
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
