import Glibc
import WalkRecord

/// How directories and the names in them are examined.
protocol DirectoryRules: AnyObject {
  var mount: Mount { get }

  var announcement: DirectoryAnnouncement { get }

  /// Where a directory is that has not been opened yet, in bytes of the device and in its order; empty if that is not
  /// known. Asked only if directories are announced.
  /// - Parameter parent: the directory that it is in; 0 for the root directory.
  func directory(named name: [UInt8], in parent: Record.ObjectID) -> [Range<UInt64>]

  /// Reads directories and inodes ahead, if the walk need not tell their reads apart.
  var readingAhead: ReadingAhead? { get }

  /// Symbolic links may really be files or directories with reparse points, which `addReparsePoint` handles.
  var hasReparsePoints: Bool { get }

  /// The filesystem's tools can find the extents of encrypted files, which cannot be opened without their key.
  var findsEncryptedFiles: Bool { get }

  /// Reports a directory's blocks once it has been listed, if its announcement does not show them.
  func reportBlocks(of directory: OpenDirectory, in walk: inout Walk) throws(WalkError)

  /// Adds what looks like a symbolic link but is a file or directory, with everything in it.
  /// - Returns: false if it is a link.
  func addReparsePoint(
    _ status: stat, name: [UInt8], parent: Record.ObjectID, to walk: inout Walk
  ) throws(WalkError) -> Bool
}

/// When the walker announces a directory, so that the reads that follow are attributed to it.
enum DirectoryAnnouncement {
  /// Never: the filesystem reports where its blocks are.
  case none
  /// Before its name is looked up: reading its inode also reads some or all of its entries.
  case beforeLookup
  /// Before it is opened: looking it up reads only its inode.
  case beforeOpening
}

extension DirectoryRules {
  var announcement: DirectoryAnnouncement { .beforeOpening }
  func directory(named name: [UInt8], in parent: Record.ObjectID) -> [Range<UInt64>] { [] }
  var readingAhead: ReadingAhead? { nil }
  var hasReparsePoints: Bool { false }
  var findsEncryptedFiles: Bool { false }

  func reportBlocks(of directory: OpenDirectory, in walk: inout Walk) throws(WalkError) {}

  func addReparsePoint(
    _ status: stat, name: [UInt8], parent: Record.ObjectID, to walk: inout Walk
  ) throws(WalkError) -> Bool { false }
}
