import CLinux
import Glibc
import WalkRecord

/// A directory that has been listed.
struct OpenDirectory {
  var descriptor: Int32
  var status: stat
  var object: Record.ObjectID
  var parent: Record.ObjectID
  /// For the root, the path of the mount point.
  var name: [UInt8]
  var entries: [DirectoryEntry]
  /// All of it could be listed.
  var isComplete: Bool
}

/// Opens and lists directories, so that the reads of their blocks can be attributed to them.
extension Walk {
  /// Opens and lists a directory. Nil if it is on another filesystem (a Btrfs subvolume), cannot be read, was
  /// visited before or is a link.
  mutating func open(
    name: [UInt8], in directory: Int32, parent: Record.ObjectID
  ) throws(WalkError) -> OpenDirectory? {
    let object = nextObject
    let stream = Chunk(number: queue.takeChunkNumber(), object: object, offset: 0, length: 0, layout: .stream)
    let announcement = filesystem.announcement
    if announcement == .beforeLookup {
      try announce(stream, parent: parent, name: name)
    } else if announcement == .beforeOpening || filesystem.hasReparsePoints {
      guard try isDirectoryHere(name, in: directory, parent: parent) else { return nil }
      if announcement == .beforeOpening { try announce(stream, parent: parent, name: name) }
    }
    let isAnnounced = announcement != .none
    var status = stat()
    let descriptor = withName(name) { clinux_openat(directory, $0, O_RDONLY | O_DIRECTORY | O_NOFOLLOW, 0) } ?? -1
    guard descriptor >= 0, fstat(descriptor, &status) == 0 else {
      let failure = errno
      if isAnnounced { try channel.say(.idle) }
      if descriptor >= 0 { close(descriptor) }
      try channel.note(.failure(parent: parent, errno: failure, name: name))
      return nil
    }
    guard isOnThisFilesystem(Inode(status)) else {
      if isAnnounced { try channel.say(.idle) }
      close(descriptor)
      return nil
    }
    guard directories.insert(Inode(status)).inserted else {
      if isAnnounced { try channel.say(.idle) }
      close(descriptor)
      try channel.note(.failure(parent: parent, errno: ELOOP, name: name))
      return nil
    }
    if !isAnnounced { try declare(.directory, parent: parent, name: parent == 0 ? [] : name) }
    if filesystem.metadata == .tree { try channel.note(.inode(id: object, number: UInt64(status.st_ino))) }
    let entries = DirectoryEntry.all(in: descriptor, buffer: buffer)
    let failure = errno
    if isAnnounced { try channel.say(.idle) }
    if entries == nil { try channel.note(.failure(parent: parent, errno: failure, name: name)) }
    try noteMetadata(status, object)
    let opened = OpenDirectory(
      descriptor: descriptor, status: status, object: object, parent: parent, name: name, entries: entries ?? [],
      isComplete: entries != nil)
    try filesystem.reportBlocks(of: opened, in: &self)
    return opened
  }

  /// Declares a directory just before it is read.
  private mutating func announce(_ stream: Chunk, parent: Record.ObjectID, name: [UInt8]) throws(WalkError) {
    let object = nextObject
    try declare(.directory, parent: parent, name: parent == 0 ? [] : name)
    let parts = filesystem.directory(named: name, in: parent)
    guard !parts.isEmpty else { return try channel.say(.chunk(stream)) }
    var offset: UInt64 = 0
    for part in parts {
      try note(.data, object, at: offset, part.lowerBound, length: part.upperBound - part.lowerBound)
      offset += part.upperBound - part.lowerBound
    }
    // The directory's location is known, so reads from now on belong to no object.
    try channel.say(.idle)
  }

  /// Looks a directory up before it is opened.
  /// - Returns: false if it cannot be found, is on another filesystem, or is a link, which has been added.
  private mutating func isDirectoryHere(
    _ name: [UInt8], in directory: Int32, parent: Record.ObjectID
  ) throws(WalkError) -> Bool {
    var status = stat()
    guard withName(name, { fstatat(directory, $0, &status, AT_SYMLINK_NOFOLLOW) }) == 0 else {
      try channel.note(.failure(parent: parent, errno: errno, name: name))
      return false
    }
    guard isOnThisFilesystem(Inode(status)) else { return false }
    guard filesystem.hasReparsePoints, status.st_mode & S_IFMT == S_IFLNK else { return true }
    // ntfs-3g shows every directory with a reparse point as a link, although its parent lists it as a directory.
    guard try !filesystem.addReparsePoint(status, name: name, parent: parent, to: &self) else { return false }
    let object = nextObject
    try declare(.other, parent: parent, name: name)
    try noteMetadata(status, object, withData: true)
    return false
  }
}
