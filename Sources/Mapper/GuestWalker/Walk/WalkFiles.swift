import CLinux
import Glibc
import WalkRecord

/// What a walk does with the files of a directory, and with what is neither a file nor a directory.
extension Walk {
  /// Of a large file so much is proof enough.
  private static let sampledBytes: UInt64 = 8 << 20

  /// Reads some of the files that were told, for virt-bmap to see whether they are where they are said to be.
  mutating func readSample() throws(WalkError) {
    for file in sample.files {
      let path = Array(filesystem.directory.utf8) + file.path
      let descriptor =
        withName(path) {
          clinux_openat(AT_FDCWD, $0, O_RDONLY | O_NOFOLLOW | O_NONBLOCK, filesystem.kind == .minix ? 0 : 1)
        } ?? -1
      var status = stat()
      guard descriptor >= 0 else { continue }
      guard fstat(descriptor, &status) == 0 else {
        close(descriptor)
        continue
      }
      var item = item(descriptor, status, file.object, file.parent, file.name, isDirect: true, .proof)
      if let pieces = knownPieces(of: item.layout, status) { item.layout = item.layout.proving(pieces) }
      item.limit = Self.sampledBytes
      try addToQueue(item)
    }
    try queue.drain()
  }

  func item(
    _ descriptor: Int32, _ status: stat, _ object: Record.ObjectID, _ parent: Record.ObjectID, _ name: [UInt8],
    isDirect: Bool, _ purpose: ReadQueue.Purpose
  ) -> ReadQueue.Item {
    let layout = FileLayout(
      descriptor: descriptor, size: UInt64(max(0, status.st_size)),
      allocated: UInt64(max(0, status.st_blocks)) &* 512, filesystem: filesystem)
    return ReadQueue.Item(
      object: object, parent: parent, name: name, layout: layout, isDirect: isDirect, throughDevice: false,
      purpose: purpose)
  }

  /// A symbolic link or a special file that may have blocks of its own, or something in a tree or a table. It cannot be
  /// asked for them: virt-bmap asks the filesystem's tools, and NTFS's table tells.
  mutating func add(other name: [UInt8], in directory: OpenDirectory) throws(WalkError) {
    guard [.ext, .xfs, .btrfs].contains(filesystem.kind) || table != nil else { return }
    var status = stat()
    guard withName(name, { fstatat(directory.descriptor, $0, &status, AT_SYMLINK_NOFOLLOW) }) == 0,
      isOnThisFilesystem(Inode(status))
    else { return }
    // ntfs-3g takes a large file for a link that begins as those of Interix do.
    guard status.st_mode & S_IFMT != S_IFREG else { return try add(file: name, in: directory) }
    guard try !addUnfollowed(status, name: name, parent: directory.object) else { return }
    // Btrfs has a link's target and attributes in its tree.
    guard filesystem.kind == .btrfs || table != nil || status.st_blocks > 0,
      try !isLink(status, name: name, in: directory)
    else { return }
    let object = nextObject
    try declare(.other, parent: directory.object, name: name)
    guard table == nil else { return try noteKeptAttributes(status, object, withData: true) }
    try channel.note(.inode(id: object, number: UInt64(status.st_ino)))
  }

  /// From the root of the filesystem, to a name in the current directory; nil for one that no system call takes.
  func path(to name: [UInt8]) -> [UInt8]? {
    var path: [UInt8] = []
    for part in stack.dropFirst().map(\.name) + [name] {
      path.append(0x2f)
      path.append(contentsOf: part)
    }
    return path.count + filesystem.directory.utf8.count < Int(PATH_MAX) ? path : nil
  }

  /// Says so of a name of a file that has had another before.
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

  /// Takes a file from NTFS's file table, without opening it.
  /// - Returns: false where it has to be opened and read.
  mutating func addFromTable(_ name: [UInt8], in directory: OpenDirectory) throws(WalkError) -> Bool {
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
    try noteKeptAttributes(status, object)
    addToSample(object, pieces, size: size, name: name, in: directory)
    return true
  }

  /// Says where a file is that is open, as far as the filesystem tells.
  /// - Returns: false where it has to be read, for what is left of it or as proof.
  mutating func tellAndSample(
    _ item: inout ReadQueue.Item, _ status: stat, in directory: OpenDirectory
  ) throws(WalkError) -> Bool {
    guard case .extents(let proof) = method, item.isDirect || filesystem.hasBlockLists else {
      if let pieces = table?.encodedPieces(of: UInt64(status.st_ino), size: item.layout.size) {
        try tell(pieces, object: item.object)
        return true
      }
      try noteInlineData(item.layout.descriptor, status, item.object)
      try noteKeptBlocks(item.layout.descriptor, status, item.object, data: nil)
      try claim(item.layout, status, object: item.object)
      return false
    }
    if let pieces = knownPieces(of: item.layout, status) {
      try tell(pieces, object: item.object)
      addToSample(item.object, pieces, size: item.layout.size, name: item.name, in: directory)
      item.layout = item.layout.proving(pieces.filter { !$0.isInRecord && !$0.isEncoded })
      item.purpose = .proof
      return proof != nil
    }
    try noteInlineData(item.layout.descriptor, status, item.object)
    let result = try tell(item.layout, object: item.object)
    try noteKeptBlocks(item.layout.descriptor, status, item.object, data: result?.bytes)
    guard let told = result else { return false }
    if told.pieces > 0 {
      let traits = Sample.Traits(
        size: item.layout.size, pieces: told.pieces, hasHoles: told.bytes < item.layout.size)
      addToSample(item.object, traits, name: item.name, in: directory)
    }
    item.purpose = told.hasEncoded ? .encodedOnly : .proof
    return !told.hasEncoded && proof != nil
  }

  /// Where a file is on a filesystem without FIEMAP; nil where that is not known.
  mutating func knownPieces(of layout: FileLayout, _ status: stat) -> [FileLayout.Piece]? {
    if filesystem.hasBlockLists { return layout.blockList() }
    return table?.pieces(of: UInt64(status.st_ino), size: layout.size)
  }

  mutating func addToSample(
    _ object: Record.ObjectID, _ pieces: [FileLayout.Piece], size: UInt64, name: [UInt8], in directory: OpenDirectory
  ) {
    // What is in a record is read with it.
    guard !pieces.isEmpty, !pieces.contains(where: { $0.isInRecord || $0.isEncoded }) else { return }
    let told = pieces.reduce(0) { $0 &+ $1.length }
    let traits = Sample.Traits(size: size, pieces: UInt64(pieces.count), hasHoles: told < size)
    addToSample(object, traits, name: name, in: directory)
  }

  private mutating func addToSample(
    _ object: Record.ObjectID, _ traits: Sample.Traits, name: [UInt8], in directory: OpenDirectory
  ) {
    guard let places = sample.places(for: traits), let path = path(to: name) else { return }
    sample.add(
      Sample.Candidate(object: object, parent: directory.object, name: name, path: path, traits: traits), at: places)
  }

  /// Takes a file of ext4 that does not open without its key.
  /// - Returns: false for what is none.
  private mutating func addEncrypted(_ name: [UInt8], in directory: OpenDirectory) throws(WalkError) -> Bool {
    var status = stat()
    guard filesystem.kind == .ext,
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
    // A reparse point, whatever its directory says of it.
    if descriptor < 0, errno == ELOOP, table != nil { return try add(other: name, in: directory) }
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
    try noteKeptAttributes(status, object)
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
