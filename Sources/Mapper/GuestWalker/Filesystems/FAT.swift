import CLinux
import Glibc
import WalkRecord

/// FAT12, FAT16 and FAT32: the chains of clusters are read as files and directories are. With the tables in the cache,
/// what is read for an object is the object's.
final class FAT: Filesystem {
  static let magics: Set<UInt64> = [0x4d44]
  let mount: Mount
  /// FAT12 and FAT16 have it right behind the tables, so that what is read of these may bring its beginning with it.
  let rootDirectory: Range<UInt64>?

  init(_ mount: Mount, method: WalkMethod) throws(WalkError) {
    self.mount = mount
    rootDirectory = try AllocationTables.readIntoCache(of: mount) { AllocationTables(ofFAT: $0) }?.rootDirectory
  }

  // To look a directory up is to read all of it.
  let announcement = DirectoryAnnouncement.beforeLookup
  let extentSource = ExtentSource.fibmap

  func extents(of layout: FileLayout, number: UInt64) -> [FileLayout.Piece]? {
    layout.blockList(mayHaveHoles: false, endsWithCluster: false)
  }
}

/// exFAT, which is read as FAT is.
final class ExFAT: Filesystem {
  static let magics: Set<UInt64> = [0x2011_bab0]
  let mount: Mount

  init(_ mount: Mount, method: WalkMethod) throws(WalkError) {
    self.mount = mount
    _ = try AllocationTables.readIntoCache(of: mount) { AllocationTables(ofExFAT: $0) }
  }

  let announcement = DirectoryAnnouncement.beforeLookup
  let extentSource = ExtentSource.fibmap

  func extents(of layout: FileLayout, number: UInt64) -> [FileLayout.Piece]? {
    // The kernel knows the rest of a file's last cluster.
    layout.blockList(mayHaveHoles: false, endsWithCluster: true)
  }
}
