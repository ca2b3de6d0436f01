import Glibc
import NTFSRecords
import WalkRecord

/// Directories that ntfs-3g does not enter because their reparse points are meant for another program, such as a
/// cloud client. Their files are still on this volume, and NTFS's file table says where. The same applies to files
/// with such reparse points.
extension NTFS {
  /// A directory that is still to be listed.
  private struct Pending {
    var number: UInt64
    var object: Record.ObjectID
    /// From the root.
    var depth: Int
  }

  /// Adds a file or directory that ntfs-3g shows as a dangling link, with everything in it, from the table.
  /// - Returns: false if it is not such a file or directory.
  func addReparsePoint(
    _ status: stat, name: [UInt8], parent: Record.ObjectID, to walk: inout Walk
  ) throws(WalkError) -> Bool {
    let number = UInt64(status.st_ino)
    guard let traits = table?.traits(of: number), traits.reparseTag != nil, !traits.isLink else { return false }
    var pending: [Pending] = []
    try add(number, traits, name: name, parent: parent, depth: walk.stack.count, to: &walk, &pending)
    while let next = pending.popLast() { try list(next, to: &walk, &pending) }
    return true
  }

  private func list(_ directory: Pending, to walk: inout Walk, _ pending: inout [Pending]) throws(WalkError) {
    guard let (entries, failure) = table?.entries(of: directory.number) else { return }
    if let failure { try walk.channel.note(.failure(parent: directory.object, errno: failure, name: [])) }
    for entry in entries {
      guard let traits = table?.traits(of: entry.number), traits.sequence == entry.sequence, Self.isName(entry.name)
      else {
        try walk.channel.note(.failure(parent: directory.object, errno: EUCLEAN, name: entry.name))
        continue
      }
      try add(
        entry.number, traits, name: entry.name, parent: directory.object, depth: directory.depth + 1, to: &walk,
        &pending)
    }
  }

  /// Whether the name can be part of a path.
  private static func isName(_ name: [UInt8]) -> Bool {
    !name.isEmpty && name != [0x2e] && name != [0x2e, 0x2e] && !name.contains { $0 == 0 || $0 == 0x2f }
  }

  private func add(
    _ number: UInt64, _ traits: FileTraits, name: [UInt8], parent: Record.ObjectID, depth: Int,
    to walk: inout Walk, _ pending: inout [Pending]
  ) throws(WalkError) {
    guard var inode = walk.stack.first?.inode else { return }
    inode.number = number
    guard depth < Walk.maximumDepth else {
      return try walk.channel.note(.failure(parent: parent, errno: ENAMETOOLONG, name: name))
    }
    let object = walk.nextObject
    guard !traits.isDirectory else {
      guard walk.directories.insert(inode).inserted else {
        return try walk.channel.note(.failure(parent: parent, errno: ELOOP, name: name))
      }
      try walk.declare(traits.isLink ? .other : .directory, parent: parent, name: name)
      if !traits.isLink {
        if let pieces = table?.directoryPieces(of: number) { try walk.report(pieces, object: object) }
        pending.append(Pending(number: number, object: object, depth: depth))
      }
      return try walk.noteMetadata(ofInode: number, object)
    }
    if traits.names > 1 {
      if let known = walk.links[inode] { return try walk.channel.note(.link(id: known, parent: parent, name: name)) }
      walk.links[inode] = object
    }
    try walk.declare(traits.isLink ? .other : .file, parent: parent, name: name)
    try walk.noteMetadata(ofInode: number, object, withData: traits.isLink)
    guard !traits.isLink else { return }
    guard let pieces = table?.pieces(of: number) else {
      return try walk.channel.note(.failure(parent: parent, errno: EUCLEAN, name: name))
    }
    try walk.report(pieces, object: object)
  }
}

extension FileTable {
  mutating func traits(of number: UInt64) -> FileTraits? { FileTraits.find(of: number, in: &self) }

  /// The names in a directory, and the errno if some cannot be found.
  mutating func entries(of number: UInt64) -> ([DirectoryIndex.Entry], Int32?) {
    switch DirectoryIndex.entries(of: number, in: &self, clusterSize: clusterSize) {
    case .success(let entries): (entries, nil)
    case .failure(.damaged(let found)): (found, EUCLEAN)
    case .failure(.tooLarge): ([], EFBIG)
    }
  }
}
