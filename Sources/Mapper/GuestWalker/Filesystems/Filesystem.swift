import Glibc
import WalkRecord

/// Every filesystem that the walker treats in a way of its own. To add one, write its file and add a line here; any other
/// is an `Other`.
var filesystemTypes: [any Filesystem.Type] {
  [Ext.self, XFS.self, Btrfs.self, NTFS.self, FAT.self, ExFAT.self, Minix.self, SquashFS.self]
}

/// The type of the filesystem that statfs(2) reports with this magic number.
func filesystemType(magic: UInt64) -> any Filesystem.Type {
  filesystemTypes.first { $0.magics.contains(magic) } ?? Other.self
}

func mountedFilesystem(on directory: String, method: WalkMethod) throws(WalkError) -> any Filesystem {
  let mount = try Mount(on: directory)
  let type = filesystemType(magic: mount.magic)
  // Whatever looked for a filesystem here has left blocks in the cache, where a walk would not be seen to read them.
  guard !type.needsColdCache(for: method) || mount.dropDeviceCache() else { throw .system(mount.devicePath) }
  return try type.init(mount, method: method)
}

/// What one type of filesystem asks of a walk whose every read must be told apart.
///
/// Every requirement but the first two has a default, which suits a filesystem that is read through the kernel and has
/// FIEMAP for its files: see `Other`.
protocol Filesystem: DirectoryRules, ExtentRules, ReadRules {
  /// The numbers by which statfs(2) reports it: see linux/magic.h.
  static var magics: Set<UInt64> { get }

  init(_ mount: Mount, method: WalkMethod) throws(WalkError)

  /// Whether blocks in the device's cache would hide reads from the recorder.
  static func needsColdCache(for method: WalkMethod) -> Bool
}

extension Filesystem {
  static func needsColdCache(for method: WalkMethod) -> Bool { true }
}
