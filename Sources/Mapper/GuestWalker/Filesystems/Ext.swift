import Glibc
import WalkRecord

/// ext2, ext3 and ext4: FIEMAP reports where files and directories are.
final class Ext: WalkedFilesystem {
  static let magics: Set<UInt64> = [0xef53]

  /// Unless everything is read, only blocks that the filesystem itself needs are read through the device's cache.
  static func needsColdCache(for method: WalkMethod) -> Bool { method == .read }

  let mount: Mount
  let readingAhead: ReadingAhead?
  /// Nil if inodes have no room for attributes.
  private let inodes: InodeTable?

  init(_ mount: Mount, method: WalkMethod) {
    self.mount = mount
    readingAhead = method == .read ? nil : ReadingAhead(device: mount.device)
    inodes = InodeTable(device: mount.device)
  }

  let announcement = DirectoryAnnouncement.none
  let metadata = ObjectMetadata.blocks
  let findsEncryptedFiles = true

  /// Reports the extents that FIEMAP returns. With the method `read`, it queues the directory's blocks to be read
  /// from the device instead, because the blocks of an indexed directory are not in the order of its entries.
  func reportBlocks(of directory: OpenDirectory, in walk: inout Walk) throws(WalkError) {
    let status = directory.status
    let layout = FileLayout(descriptor: directory.descriptor, status, filesystem: self)
    let reported = walk.method == .read ? nil : try walk.report(layout, object: directory.object)
    try walk.noteMetadataBlocks(directory.descriptor, status, directory.object, data: reported?.allBytes)
    if reported != nil { return }
    let copy = dup(directory.descriptor)
    guard copy >= 0 else { throw .system("a directory") }
    try walk.addToQueue(
      ReadQueue.Item(
        object: directory.object, parent: directory.parent, name: directory.name, layout: layout.reading(copy),
        isDirect: true, throughDevice: true))
  }

  /// With `inline_data`, a small file is in its inode: the first bytes in place of the block list, the rest in an
  /// extended attribute.
  func inlineExtents(of descriptor: Int32, _ status: stat) -> [FileLayout.Piece] {
    // Such a file has no blocks, but ext4 counts its bytes in st_blocks.
    guard UInt64(max(0, status.st_blocks)) &* 512 < mount.blockSize,
      let extent = Fiemap.inlineExtent(of: descriptor)
    else { return [] }
    let length = min(extent.fe_length, UInt64(InlineData.listBytes))
    let physical = extent.fe_physical
    guard physical < UInt64.max - length else { return [] }
    let first = FileLayout.Piece(offset: 0, length: length, layout: .exact, physical: physical)
    let size = UInt64(max(0, status.st_size))
    guard size > length, let rest = inodes?.rest(behind: physical) else { return [first] }
    let second = FileLayout.Piece(
      offset: length, length: min(rest.upperBound - rest.lowerBound, size - length), layout: .exact,
      physical: rest.lowerBound)
    return [first, second]
  }
}
