import DiskImage
import Glibc
import SystemPackage

/// The file of an overlay that is a VMDK snapshot, open for writing.
struct SnapshotFile {
  let file: StoredFile
  /// The size of the disk, in bytes.
  let size: UInt64
  let grainBytes: UInt64
  let tables: GrainTables
  let entries: GrainEntries
  let room: GrainRoom
  let hasZeroedGrains: Bool
  /// The tables whose copies differ from them.
  let staleCopies: [Int]
  /// Where the descriptor is in the file, in bytes.
  let descriptor: Range<UInt64>
  let isNew: Bool
  let wasClosedCleanly: Bool
  let baseWasChanged: Bool

  /// Opens the snapshot at `path`, or creates it if it does not exist.
  static func open(
    _ path: FilePath, over parent: SnapshotParent, size: UInt64, allowingUnnamed: Bool = true
  ) throws(DiskError) -> SnapshotFile {
    let (file, isNew) = try StoredFile.open(path, allowingUnnamed: allowingUnnamed)
    do throws(DiskError) {
      guard !isNew else { return try begin(file, over: parent, size: size) }
      let status = try file.status()
      guard status.st_mode & S_IFMT == S_IFREG else { throw DiskError(path, "is no regular file", errno: EINVAL) }
      guard !parent.has(status) else {
        throw DiskError(path, "is a file of the disk itself: give the overlay another name", errno: EINVAL)
      }
      try file.lockAgainstQemu()
      return try takeUp(file, status, over: parent, size: size)
    } catch {
      file.close()
      if isNew { file.remove() }
      throw error
    }
  }

  private static func begin(
    _ begun: StoredFile, over parent: SnapshotParent, size: UInt64
  ) throws(DiskError) -> SnapshotFile {
    var file = begun
    let new = NewSnapshot(diskSize: size)
    let room = NewSnapshot.descriptor
    try file.lockAgainstQemu()
    try new.write(
      to: file, descriptor: SnapshotDescriptor.text(over: parent, file.path, size: size, room: room.count))
    try file.publish()
    let grains = Int((size + NewSnapshot.grainBytes - 1) / NewSnapshot.grainBytes)
    return SnapshotFile(
      file: file, size: size, grainBytes: NewSnapshot.grainBytes, tables: new.tables,
      entries: try GrainEntries(count: grains, path: file.path),
      room: GrainRoom(next: new.grainStart, grainBytes: NewSnapshot.grainBytes), hasZeroedGrains: false,
      staleCopies: [], descriptor: room, isNew: true, wasClosedCleanly: true, baseWasChanged: false)
  }

  private static func takeUp(
    _ file: StoredFile, _ status: stat, over parent: SnapshotParent, size: UInt64
  ) throws(DiskError) -> SnapshotFile {
    let image = try SparseImage(of: file.descriptor.rawValue, path: file.path)
    guard image.size == size else {
      throw DiskError(file.path, "this is a snapshot of a disk of \(image.size) bytes, not \(size)", errno: EINVAL)
    }
    guard image.parentCID == parent.cid else {
      throw DiskError(
        file.path,
        "this is a snapshot of another disk, or the disk was changed under it: it has parentCID "
          + "\(hexadecimal(image.parentCID)), but the disk has CID \(hexadecimal(parent.cid))", errno: EINVAL)
    }
    let known = SnapshotDescriptor.base(in: image.descriptorText)
    if let known, known.identity != parent.identity {
      throw DiskError(
        file.path, "this is a snapshot of another disk with the same CID, or the disk was changed under it",
        errno: EINVAL)
    }
    let found = try TableReader(image: image, file: file, length: UInt64(clamping: status.st_size)).read()
    // A snapshot made by another program does not record when the disk was changed. But the disk must not have changed
    // after the snapshot was last written.
    let written = BaseIdentity.time(status)
    return SnapshotFile(
      file: file, size: size, grainBytes: image.grainBytes, tables: found.tables, entries: found.entries,
      room: GrainRoom(next: found.next, grainBytes: image.grainBytes), hasZeroedGrains: image.hasZeroedGrains,
      staleCopies: found.staleCopies, descriptor: image.descriptor, isNew: false,
      wasClosedCleanly: image.wasClosedCleanly,
      baseWasChanged: known.map { $0.changed != parent.changed } ?? (parent.changed > written))
  }

  /// Prepares the file for writing. Marks it as open, and gives it a new content ID, because any snapshot over it
  /// becomes invalid. All of this is in stable storage before anything else is changed.
  func beginWriting() throws(DiskError) {
    if !isNew {
      // Drop what a crash left behind the last grain that the tables refer to.
      try file.truncate(to: room.end)
      for table in staleCopies { try tables.rewriteCopy(of: table, from: entries, in: file) }
      var text = [UInt8](repeating: 0, count: descriptor.count)
      try text.withMutableBytes { (bytes) throws(DiskError) in try file.read(into: bytes, at: descriptor.lowerBound) }
      guard let changed = SnapshotDescriptor.replaceCID(in: text, with: SnapshotDescriptor.newCID(butNot: [])) else {
        throw DiskError(file.path, "there is no room for a new CID in the descriptor", errno: EIO)
      }
      try changed.withBytes { (bytes) throws(DiskError) in try file.write(bytes, at: descriptor.lowerBound) }
    }
    try mark(isUnclean: true)
  }

  /// Marks the file as cleanly closed.
  func endWriting() throws(DiskError) {
    try file.truncate(to: room.end)
    try mark(isUnclean: false)
  }

  private func mark(isUnclean: Bool) throws(DiskError) {
    try [UInt8(isUnclean ? 1 : 0)].withBytes { (bytes) throws(DiskError) in
      try file.write(bytes, at: NewSnapshot.uncleanOffset)
    }
    try file.synchronize()
  }
}
