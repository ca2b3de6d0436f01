import Glibc

/// Where the filesystem says that an object's bytes and its metadata are.
protocol ExtentRules: AnyObject {
  var extentSource: ExtentSource { get }

  /// All of a file's extents at once; nil if the filesystem does not report them. Not called for
  /// `ExtentSource.fiemap`.
  func extents(of layout: FileLayout, number: UInt64) -> [FileLayout.Piece]?

  /// The bytes of a file that are stored with its inode.
  /// - Parameter status: of a file that is not empty, and no larger than the largest block.
  func inlineExtents(of descriptor: Int32, _ status: stat) -> [FileLayout.Piece]

  /// The extents of a file that is stored compressed or encrypted, so that reading it does not show where it is; nil
  /// for other files.
  func encodedExtents(ofInode number: UInt64, size: UInt64) -> [FileLayout.Piece]?

  /// The unwritten space of a file that neither `extents` nor FIEMAP includes.
  /// - Parameters:
  ///   - name: of a file in the directory that was listed last.
  ///   - size: in bytes, as the kernel says.
  func unwrittenExtents(ofFile name: [UInt8], size: UInt64) -> [FileLayout.Piece]

  var metadata: ObjectMetadata { get }

  /// The blocks of a file's extended attributes, as far as the kernel reports them. Called for
  /// `ObjectMetadata.blocks`.
  func attributeExtents(of descriptor: Int32) -> [FileLayout.Piece]

  /// Where an object's metadata is. Called for `ObjectMetadata.table`.
  /// - Parameter withData: whether to include the data, which for an object that is not a file is a link's target.
  func metadataExtents(ofInode number: UInt64, withData: Bool) -> [FileLayout.Piece]
}

/// Where the walker gets a file's extents from.
enum ExtentSource {
  /// Nowhere: every file has to be read.
  case none
  /// FIEMAP.
  case fiemap
  /// FIBMAP, if it is only a call to the kernel. It also works for files that do not support direct reads.
  case fibmap
  /// The filesystem's own file table. Files need not be opened.
  case table
}

/// What the filesystem stores for an object besides its data, such as extended attributes or a link's target.
enum ObjectMetadata {
  /// Nothing that can be found.
  case none
  /// Blocks that count as the object's own. If it has any that the kernel does not report, virt-bmap asks the
  /// filesystem's tools.
  case blocks
  /// Items in a tree, which virt-bmap reads. It needs the inode number of every object.
  case tree
  /// Attributes in the file table, which the walker reads.
  case table
}

extension ExtentRules {
  var extentSource: ExtentSource { .fiemap }
  func extents(of layout: FileLayout, number: UInt64) -> [FileLayout.Piece]? { nil }
  func inlineExtents(of descriptor: Int32, _ status: stat) -> [FileLayout.Piece] { [] }
  func encodedExtents(ofInode number: UInt64, size: UInt64) -> [FileLayout.Piece]? { nil }
  func unwrittenExtents(ofFile name: [UInt8], size: UInt64) -> [FileLayout.Piece] { [] }
  var metadata: ObjectMetadata { .none }
  func attributeExtents(of descriptor: Int32) -> [FileLayout.Piece] { [] }
  func metadataExtents(ofInode number: UInt64, withData: Bool) -> [FileLayout.Piece] { [] }
}
