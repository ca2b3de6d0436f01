/// A block, or several one after the other, that a filesystem keeps for one inode beside the bytes of its file or
/// directory.
package struct KeptBlock: Equatable {
  package var inode: UInt64
  /// In bytes of the filesystem's addresses.
  package var range: Range<UInt64>
  /// Where in what it is a part of it begins, in bytes.
  package var offset: UInt64 = 0
  /// It holds what the inode is there for: a symbolic link's target, or a directory's entries.
  package var isContent = false

  package init(inode: UInt64, range: Range<UInt64>, offset: UInt64 = 0, isContent: Bool = false) {
    self.inode = inode
    self.range = range
    self.offset = offset
    self.isContent = isContent
  }
}
