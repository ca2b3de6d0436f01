import BlockStack
import WalkAssembly

/// What virt-bmap knows about a type of filesystem, or about a family of types.
///
/// Any filesystem that the appliance can mount is mapped. A type of its own makes the map complete, or the work faster.
/// Every requirement but the first has a default, which suits a filesystem of which nothing else is known.
package protocol FilesystemType: Sendable {
  /// blkid(8)'s names of the types.
  var names: [Substring] { get }

  /// Finds what the filesystem stores besides files; nil if no tool does.
  var metadata: MetadataTool? { get }

  /// Finds what the filesystem stores for single inodes besides their data; nil if no tool does.
  var inodeBlocks: InodeBlocksTool? { get }

  /// How to find out why a file cannot be rebuilt from the map.
  var evidence: FileEvidence { get }

  /// Whether the kernel says where a file has data and where it has holes, for the whole file at once.
  var reportsHoles: Bool { get }

  /// Whether names and data may be compressed: together they may then be larger than the device.
  var isCompressed: Bool { get }

  /// Whether the filesystem may be on several devices, and has addresses of its own for all of them.
  var hasLogicalAddresses: Bool { get }

  /// The mount(8) option that leaves the journal as it is; nil if there is none.
  /// - Parameter name: one of `names`.
  func optionWithoutReplay(for name: Substring) -> String?
}

extension FilesystemType {
  package var metadata: MetadataTool? { nil }
  package var inodeBlocks: InodeBlocksTool? { nil }
  package var evidence: FileEvidence { .extents }
  package var reportsHoles: Bool { false }
  package var isCompressed: Bool { false }
  package var hasLogicalAddresses: Bool { false }
  package func optionWithoutReplay(for name: Substring) -> String? { nil }
}

/// Every filesystem about which something is known. To add one, write its file and add it here.
package let filesystemTypes: [any FilesystemType] = [
  Ext(), XFS(), Btrfs(), NTFS(), FAT(), SquashFS(), ReadOnlyArchive(), F2FS(), NILFS2(),
]

/// - Parameter name: blkid(8)'s name of the type.
package func filesystemType(named name: some StringProtocol) -> any FilesystemType {
  filesystemTypes.first { $0.names.contains { $0 == name } } ?? OtherFilesystem()
}

/// A filesystem about which nothing is known.
private struct OtherFilesystem: FilesystemType {
  let names: [Substring] = []
}

/// Runs a filesystem's own tools in the appliance to find what the filesystem stores besides files.
package struct MetadataTool: Sendable {
  /// The programs that the script needs.
  package let tools: [String]
  /// A shell script, for the device `$d`.
  package let script: String
  /// Parses what the script prints.
  package let areas: @Sendable (String) -> [DeviceArea]
}

/// Runs a filesystem's own tools in the appliance to find what the filesystem stores for single inodes.
package struct InodeBlocksTool: Sendable {
  /// The programs that the script needs.
  package let tools: [String]
  /// A shell script, for the device `$d` and the file `$q` with the questions.
  package let script: String
  /// Makes the questions about inodes. The closure returns whether an inode is a file.
  package let questions: @Sendable ([UInt64], (UInt64) -> Bool) -> String
  /// Parses what the script prints about these inodes.
  package let blocks: @Sendable (String, [UInt64]) -> [InodeBlock]
  /// Whether the tool reports where all of a directory is.
  package let reportsDirectories: Bool
}

/// How to find out why a file cannot be rebuilt from the map.
package enum FileEvidence: Sendable {
  /// From the file's extents, as filefrag(8) prints them.
  case extents
  /// From NTFS's file table, by ntfs-3g's tools, which also read files that ntfs-3g itself does not show.
  case fileTable
  /// It is compressed, as all files are, and shares its blocks with others.
  case compression
}
