import Glibc

/// Where the filesystem says that an object's bytes are, and what it keeps for the object beside them.
protocol ExtentRules: AnyObject {
  var extentSource: ExtentSource { get }

  /// All of a file's extents at once; nil where the filesystem does not say. Not asked of `ExtentSource.fiemap`.
  func extents(of layout: FileLayout, number: UInt64) -> [FileLayout.Piece]?

  /// A file's bytes that are where its inode is.
  /// - Parameter status: of a file that is not empty, and no larger than a block can be.
  func inlineExtents(of descriptor: Int32, _ status: stat) -> [FileLayout.Piece]

  /// The extents of a file that is stored compressed or encrypted and so cannot be found by reading it; nil for another.
  func encodedExtents(ofInode number: UInt64, size: UInt64) -> [FileLayout.Piece]?

  var metadata: ObjectMetadata { get }

  /// The blocks of a file's extended attributes, as far as the kernel reports them. Asked of `ObjectMetadata.blocks`.
  func attributeExtents(of descriptor: Int32) -> [FileLayout.Piece]

  /// Where an object's metadata is. Asked of `ObjectMetadata.table`.
  /// - Parameter withData: its data too: those of what is no file are a link's target.
  func metadataExtents(ofInode number: UInt64, withData: Bool) -> [FileLayout.Piece]
}

/// What says where a file's bytes are.
enum ExtentSource {
  /// Nothing: every file has to be read.
  case none
  /// FIEMAP.
  case fiemap
  /// FIBMAP, where it is a call to the kernel alone. It works for files, too, that cannot be read directly.
  case fibmap
  /// The filesystem's own table of files. It need not open them.
  case table
}

/// What the filesystem keeps for an object beside its bytes, such as extended attributes or a link's target.
enum ObjectMetadata {
  /// Nothing that can be found.
  case none
  /// Blocks that count as the object's own. Where there are any, virt-bmap asks the filesystem's tools for them.
  case blocks
  /// Items of a tree, which virt-bmap reads. It wants the inode's number of every object.
  case tree
  /// Attributes in the table of files, which the walker reads.
  case table
}

extension ExtentRules {
  var extentSource: ExtentSource { .fiemap }
  func extents(of layout: FileLayout, number: UInt64) -> [FileLayout.Piece]? { nil }
  func inlineExtents(of descriptor: Int32, _ status: stat) -> [FileLayout.Piece] { [] }
  func encodedExtents(ofInode number: UInt64, size: UInt64) -> [FileLayout.Piece]? { nil }
  var metadata: ObjectMetadata { .none }
  func attributeExtents(of descriptor: Int32) -> [FileLayout.Piece] { [] }
  func metadataExtents(ofInode number: UInt64, withData: Bool) -> [FileLayout.Piece] { [] }
}
