import BlockStack
import WalkAssembly

/// What virt-bmap knows about a filesystem type, or about a family of types.
///
/// Any filesystem that the appliance can mount is mapped. A specific type makes the map more complete, or faster to
/// make. Every requirement but the first has a default that suits an unknown filesystem.
package protocol FilesystemType: Sendable {
  /// The names that blkid(8) has for the types.
  var names: [Substring] { get }

  /// The tool that finds what the filesystem stores besides files, and its free space; nil if there is none.
  var metadata: MetadataTool? { get }

  /// Finds what no tool reports, such as the free space in an allocation bitmap, by reading the device. Throws if the
  /// device cannot be read.
  /// - Parameter known: what `metadata` found.
  func areas(on device: some DeviceBytes, known: [DeviceArea]) throws -> [DeviceArea]

  /// What the filesystem allocates; nil if it is not known that the map has a name for all units that are in use. Throws
  /// if the device cannot be read.
  /// - Parameter metadata: the output of the tool `metadata`.
  func allocationUnits(on device: some DeviceBytes, metadata: String) throws -> AllocationUnits?

  /// The tool that finds what the filesystem stores for single inodes besides their data; nil if there is none.
  var inodeBlocks: InodeBlocksTool? { get }

  /// How to find out why a file cannot be rebuilt from the map.
  var evidence: FileEvidence { get }

  /// Whether the kernel reports the data and the holes of a whole file at once.
  var reportsHoles: Bool { get }

  /// Whether names and data may be compressed. If so, they may add up to more than the size of the device.
  var isCompressed: Bool { get }

  /// Whether the filesystem may span several devices, and has one logical address space for all of them.
  var hasLogicalAddresses: Bool { get }

  /// The mount(8) option that disables journal replay; nil if there is none.
  /// - Parameter name: one of `names`.
  func optionWithoutReplay(for name: Substring) -> String?
}

extension FilesystemType {
  package var metadata: MetadataTool? { nil }
  package func areas(on device: some DeviceBytes, known: [DeviceArea]) throws -> [DeviceArea] { [] }
  package func allocationUnits(on device: some DeviceBytes, metadata: String) throws -> AllocationUnits? { nil }
  package var inodeBlocks: InodeBlocksTool? { nil }
  package var evidence: FileEvidence { .extents }
  package var reportsHoles: Bool { false }
  package var isCompressed: Bool { false }
  package var hasLogicalAddresses: Bool { false }
  package func optionWithoutReplay(for name: Substring) -> String? { nil }
}

/// All filesystem types that virt-bmap knows. To add one, write a file for it and add it here.
package let filesystemTypes: [any FilesystemType] = [
  Ext(), XFS(), Btrfs(), NTFS(), FAT(), ExFAT(), SquashFS(), EROFS(), Romfs(), ISO9660(), UDF(), HFSPlus(), Minix(),
  F2FS(), NILFS2(),
]

/// The type with this name; an unknown filesystem if there is none.
/// - Parameter name: the name that blkid(8) has for the type.
package func filesystemType(named name: some StringProtocol) -> any FilesystemType {
  filesystemTypes.first { $0.names.contains { $0 == name } } ?? OtherFilesystem()
}

/// A filesystem that virt-bmap knows nothing about.
private struct OtherFilesystem: FilesystemType {
  let names: [Substring] = []
}

/// Runs a filesystem's own tools in the appliance to find what the filesystem stores besides files, and its free space.
package struct MetadataTool: Sendable {
  /// The programs that the script needs.
  package let tools: [String]
  /// A shell script. It reads the device from `$d`.
  package let script: String
  /// Parses the output of the script.
  package let areas: @Sendable (String) -> [DeviceArea]
  /// Whether the output is complete. A tool may stop early at damage or at a limit.
  package var isComplete: @Sendable (String) -> Bool = { _ in true }
}

/// Runs a filesystem's own tools in the appliance to find what the filesystem stores for single inodes.
package struct InodeBlocksTool: Sendable {
  /// The programs that the script needs.
  package let tools: [String]
  /// A shell script. It reads the device from `$d`, and the name of the file with the questions from `$q`.
  package let script: String
  /// Makes the questions about inodes. The closure tells whether an inode is a file.
  package let questions: @Sendable ([UInt64], (UInt64) -> Bool) -> String
  /// Parses the output of the script about these inodes.
  package let blocks: @Sendable (String, [UInt64]) -> [InodeBlock]
  /// Whether the tool reports all blocks of a directory.
  package let reportsDirectories: Bool
}

/// How to find out why a file cannot be rebuilt from the map.
package enum FileEvidence: Sendable {
  /// The file's extents, as filefrag(8) prints them.
  case extents
  /// NTFS's file table, as ntfs-3g's tools read it. They can also read files that ntfs-3g itself hides.
  case fileTable
  /// None is needed: all files are compressed and may share blocks.
  case compression
}
