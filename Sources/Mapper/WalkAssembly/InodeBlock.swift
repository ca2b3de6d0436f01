/// One or more contiguous blocks that a filesystem stores for an inode in addition to the bytes of its file or
/// directory.
package struct InodeBlock: Equatable {
  package var inode: UInt64
  /// In bytes of the filesystem's address space.
  package var range: Range<UInt64>
  /// Offset within what the blocks are a part of, in bytes.
  package var offset: UInt64 = 0
  /// Whether it holds the inode's own content: a symbolic link's target or a directory's entries.
  package var isContent = false

  package init(inode: UInt64, range: Range<UInt64>, offset: UInt64 = 0, isContent: Bool = false) {
    self.inode = inode
    self.range = range
    self.offset = offset
    self.isContent = isContent
  }
}
