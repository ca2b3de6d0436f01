import CLinux
import Glibc
import WalkRecord

/// What a walk does with files, and with objects that are neither files nor directories.
extension Walk {
  /// How much of a large file is read as proof.
  private static let sampledBytes: UInt64 = 8 << 20

  /// Reads some of the files that were reported, so that virt-bmap can check that they are where the filesystem
  /// says.
  mutating func readSample() throws(WalkError) {
    for file in sample.files {
      let path = Array(filesystem.mount.directory.utf8) + file.path
      let descriptor =
        withName(path) {
          clinux_openat(AT_FDCWD, $0, O_RDONLY | O_NOFOLLOW | O_NONBLOCK, filesystem.directReads == .device ? 0 : 1)
        } ?? -1
      var status = stat()
      guard descriptor >= 0 else { continue }
      guard fstat(descriptor, &status) == 0 else {
        close(descriptor)
        continue
      }
      var item = item(descriptor, status, file.object, file.parent, file.name, isDirect: true, .proof)
      if let pieces = filesystem.extents(of: item.layout, number: UInt64(status.st_ino)) {
        item.layout = item.layout.proving(pieces)
      }
      item.limit = Self.sampledBytes
      try addToQueue(item)
    }
    try queue.drain()
  }

  func item(
    _ descriptor: Int32, _ status: stat, _ object: Record.ObjectID, _ parent: Record.ObjectID, _ name: [UInt8],
    isDirect: Bool, _ purpose: ReadQueue.Purpose
  ) -> ReadQueue.Item {
    ReadQueue.Item(
      object: object, parent: parent, name: name,
      layout: FileLayout(descriptor: descriptor, status, filesystem: filesystem), isDirect: isDirect,
      throughDevice: false, purpose: purpose)
  }

  /// Adds a symbolic link or a special file. Only its metadata can be mapped, and the kernel does not report where
  /// that is: virt-bmap asks the filesystem's tools, or NTFS's file table says.
  mutating func add(other name: [UInt8], in directory: OpenDirectory) throws(WalkError) {
    guard filesystem.metadata != .none else { return }
    var status = stat()
    guard withName(name, { fstatat(directory.descriptor, $0, &status, AT_SYMLINK_NOFOLLOW) }) == 0,
      isOnThisFilesystem(Inode(status))
    else { return }
    // ntfs-3g shows a large file as a link if it starts as an Interix link does.
    guard status.st_mode & S_IFMT != S_IFREG else { return try add(file: name, in: directory) }
    guard try !filesystem.addReparsePoint(status, name: name, parent: directory.object, to: &self) else { return }
    guard filesystem.metadata != .blocks || status.st_blocks > 0,
      try !isLink(status, name: name, in: directory)
    else { return }
    let object = nextObject
    try declare(.other, parent: directory.object, name: name)
    guard filesystem.metadata != .table else { return try noteMetadata(status, object, withData: true) }
    try channel.note(.inode(id: object, number: UInt64(status.st_ino)))
  }

  /// The path from the root of the filesystem to a name in the current directory; nil if it is too long for a system
  /// call.
  func path(to name: [UInt8]) -> [UInt8]? {
    var path: [UInt8] = []
    for part in stack.dropFirst().map(\.name) + [name] {
      path.append(0x2f)
      path.append(contentsOf: part)
    }
    return path.count + filesystem.mount.directory.utf8.count < Int(PATH_MAX) ? path : nil
  }

  /// Reports another name of a file that has been seen before.
  /// - Returns: false for the first name of a file.
  mutating func isLink(
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

  /// Adds a file from the filesystem's file table, without opening it.
  /// - Returns: false if it has to be opened and read.
  mutating func addFromTable(_ name: [UInt8], in directory: OpenDirectory) throws(WalkError) -> Bool {
    guard filesystem.extentSource == .table, case .extents(let proof) = method, proof != nil else { return false }
    var status = stat()
    guard withName(name, { fstatat(directory.descriptor, $0, &status, AT_SYMLINK_NOFOLLOW) }) == 0,
      status.st_mode & S_IFMT == S_IFREG, isOnThisFilesystem(Inode(status))
    else { return false }
    let layout = FileLayout(descriptor: -1, status, filesystem: filesystem)
    let isEmpty = layout.size == 0
    let known = isEmpty && layout.allocated == 0 ? [] : filesystem.extents(of: layout, number: UInt64(status.st_ino))
    guard let pieces = known ?? (isEmpty ? [] : nil) else { return false }
    guard try !isLink(status, name: name, in: directory) else { return true }
    let object = nextObject
    try declare(.file, parent: directory.object, name: name)
    try report(pieces, object: object)
    try noteMetadata(status, object)
    addToSample(object, pieces, size: layout.size, name: name, in: directory)
    return true
  }

  /// Reports the extents of an open file, as far as the filesystem knows them.
  /// - Returns: false if it has to be read, for the rest or as proof.
  mutating func reportAndSample(
    _ item: inout ReadQueue.Item, _ status: stat, in directory: OpenDirectory
  ) throws(WalkError) -> Bool {
    guard case .extents(let proof) = method, item.isDirect || filesystem.extentSource == .fibmap else {
      if let pieces = filesystem.encodedExtents(ofInode: UInt64(status.st_ino), size: item.layout.size) {
        try report(pieces, object: item.object)
        return true
      }
      try noteInlineData(item.layout.descriptor, status, item.object)
      let claimed = try claim(item.layout, status, object: item.object)
      try noteMetadataBlocks(item.layout.descriptor, status, item.object, data: claimed)
      return false
    }
    if let pieces = filesystem.extents(of: item.layout, number: UInt64(status.st_ino)) {
      try report(pieces, object: item.object)
      addToSample(item.object, pieces, size: item.layout.size, name: item.name, in: directory)
      item.layout = item.layout.proving(pieces.filter { !$0.isInRecord && !$0.isEncoded })
      item.purpose = .proof
      return proof != nil
    }
    try noteInlineData(item.layout.descriptor, status, item.object)
    let result = try report(item.layout, object: item.object)
    try noteMetadataBlocks(item.layout.descriptor, status, item.object, data: result?.allBytes)
    guard let reported = result else { return false }
    if reported.pieces > 0 {
      let traits = Sample.Traits(
        size: item.layout.size, pieces: reported.pieces, hasHoles: reported.bytes < item.layout.size)
      addToSample(item.object, traits, name: item.name, in: directory)
    }
    item.purpose = reported.hasEncoded ? .encodedOnly : .proof
    return !reported.hasEncoded && proof != nil
  }

  mutating func addToSample(
    _ object: Record.ObjectID, _ pieces: [FileLayout.Piece], size: UInt64, name: [UInt8], in directory: OpenDirectory
  ) {
    let pieces = pieces.filter { !$0.isUnwritten }
    // Data in a record is read together with the record, so there would be no read of its own to check.
    guard !pieces.isEmpty, !pieces.contains(where: { $0.isInRecord || $0.isEncoded }) else { return }
    let reported = pieces.reduce(0) { $0 &+ $1.length }
    let traits = Sample.Traits(size: size, pieces: UInt64(pieces.count), hasHoles: reported < size)
    addToSample(object, traits, name: name, in: directory)
  }

  private mutating func addToSample(
    _ object: Record.ObjectID, _ traits: Sample.Traits, name: [UInt8], in directory: OpenDirectory
  ) {
    guard let parts = sample.parts(for: traits), let path = path(to: name) else { return }
    sample.add(
      Sample.Candidate(object: object, parent: directory.object, name: name, path: path, traits: traits), to: parts)
  }

  /// Adds an encrypted file that cannot be opened without its key.
  /// - Returns: false if it is not such a file.
  private mutating func addEncrypted(_ name: [UInt8], in directory: OpenDirectory) throws(WalkError) -> Bool {
    var status = stat()
    guard filesystem.findsEncryptedFiles,
      withName(name, { fstatat(directory.descriptor, $0, &status, AT_SYMLINK_NOFOLLOW) }) == 0,
      status.st_mode & S_IFMT == S_IFREG, isOnThisFilesystem(Inode(status))
    else { return false }
    guard try !isLink(status, name: name, in: directory) else { return true }
    let object = nextObject
    try declare(.file, parent: directory.object, name: name)
    try channel.note(.encrypted(id: object, number: UInt64(status.st_ino)))
    return true
  }

  mutating func add(file name: [UInt8], in directory: OpenDirectory) throws(WalkError) {
    guard try !addFromTable(name, in: directory) else { return }
    let flags = O_RDONLY | O_NOFOLLOW | O_NONBLOCK
    var isDirect = true
    var descriptor = withName(name) { clinux_openat(directory.descriptor, $0, flags, 1) } ?? -1
    if descriptor < 0, errno == EINVAL {
      isDirect = false
      descriptor = withName(name) { clinux_openat(directory.descriptor, $0, flags, 0) } ?? -1
    }
    // A reparse point, whatever the directory entry says.
    if descriptor < 0, errno == ELOOP, filesystem.hasReparsePoints { return try add(other: name, in: directory) }
    var status = stat()
    guard descriptor >= 0, fstat(descriptor, &status) == 0 else {
      let failure = errno
      if failure == ENOKEY, try addEncrypted(name, in: directory) { return }
      return try channel.note(.failure(parent: directory.object, errno: failure, name: name))
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
    try noteMetadata(status, object)
    try report(filesystem.unwrittenExtents(ofFile: name, size: UInt64(max(0, status.st_size))), object: object)
    var item = item(descriptor, status, object, directory.object, name, isDirect: isDirect, .map)
    if try reportAndSample(&item, status, in: directory) {
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
