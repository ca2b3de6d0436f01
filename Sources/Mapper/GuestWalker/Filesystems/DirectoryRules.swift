import Glibc
import WalkRecord

/// How directories, and the names in them, are examined.
protocol DirectoryRules: AnyObject {
  var mount: Mount { get }

  var announcement: DirectoryAnnouncement { get }

  /// Where the root directory is, in bytes of the device, if it is in a fixed place.
  var rootDirectory: Range<UInt64>? { get }

  /// Reads directories and inodes before they are asked for, where the walk need not tell their reads apart.
  var readingAhead: ReadingAhead? { get }

  /// Symbolic links may be files or directories with reparse points, of which `addReparsePoint` takes care.
  var hasReparsePoints: Bool { get }

  /// The filesystem's tools find files that do not open without their key.
  var findsEncryptedFiles: Bool { get }

  /// Reports where a directory's blocks are, once it has been listed, as far as its announcement does not.
  func reportBlocks(of directory: OpenDirectory, in walk: inout Walk) throws(WalkError)

  /// Takes what looks like a symbolic link and is none, with everything in it.
  /// - Returns: false if it is one.
  func addReparsePoint(
    _ status: stat, name: [UInt8], parent: Record.ObjectID, to walk: inout Walk
  ) throws(WalkError) -> Bool
}

/// From when on reads are known to be a directory's own.
enum DirectoryAnnouncement {
  /// Never: the filesystem says where its blocks are.
  case none
  /// Before its name is looked up: to read its inode is to read its entries, or some.
  case beforeLookup
  /// Before it is opened: to look it up is to read its inode only.
  case beforeOpening
}

extension DirectoryRules {
  var announcement: DirectoryAnnouncement { .beforeOpening }
  var rootDirectory: Range<UInt64>? { nil }
  var readingAhead: ReadingAhead? { nil }
  var hasReparsePoints: Bool { false }
  var findsEncryptedFiles: Bool { false }

  func reportBlocks(of directory: OpenDirectory, in walk: inout Walk) throws(WalkError) {}

  func addReparsePoint(
    _ status: stat, name: [UInt8], parent: Record.ObjectID, to walk: inout Walk
  ) throws(WalkError) -> Bool { false }
}
