/// A block, or several one after the other, that a filesystem keeps for one inode beside the bytes of its file or
/// directory.
struct KeptBlock: Equatable {
  var inode: UInt64
  /// In bytes of the filesystem's addresses.
  var range: Range<UInt64>
  /// Where in what it is a part of it begins, in bytes.
  var offset: UInt64 = 0
  /// It holds what the inode is there for: a symbolic link's target, or a directory's entries.
  var isContent = false
}
