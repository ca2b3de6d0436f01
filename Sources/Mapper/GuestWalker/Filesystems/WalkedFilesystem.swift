import Glibc
import WalkRecord

/// Every filesystem that needs special treatment. To add one, write its file and add its type here; all others are
/// `Other`.
var walkedFilesystems: [any WalkedFilesystem.Type] {
  [Ext.self, XFS.self, Btrfs.self, NTFS.self, FAT.self, ExFAT.self, Minix.self, SquashFS.self]
}

/// The type for the magic number that statfs(2) returns.
func walkedFilesystem(magic: UInt64) -> any WalkedFilesystem.Type {
  walkedFilesystems.first { $0.magics.contains(magic) } ?? Other.self
}

func mountedFilesystem(on directory: String, method: WalkMethod) throws(WalkError) -> any WalkedFilesystem {
  let mount = try Mount(on: directory)
  let type = walkedFilesystem(magic: mount.magic)
  // Earlier probing for a filesystem has left blocks in the cache, and the recorder would not see the walk read
  // those.
  guard !type.needsColdCache(for: method) || mount.dropDeviceCache() else { throw .system(mount.devicePath) }
  return try type.init(mount, method: method)
}

/// What a type of filesystem needs so that every read of a walk can be attributed.
///
/// Every requirement except `magics`, `init` and `mount` has a default, which suits a filesystem that is read
/// through the kernel and supports FIEMAP for its files: see `Other`.
protocol WalkedFilesystem: DirectoryRules, ExtentRules, ReadRules {
  /// The filesystem's magic numbers in statfs(2): see linux/magic.h.
  static var magics: Set<UInt64> { get }

  init(_ mount: Mount, method: WalkMethod) throws(WalkError)

  /// Whether blocks in the device's cache would hide reads from the recorder.
  static func needsColdCache(for method: WalkMethod) -> Bool
}

extension WalkedFilesystem {
  static func needsColdCache(for method: WalkMethod) -> Bool { true }
}
