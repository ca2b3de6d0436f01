import CLinux
import Glibc
import WalkRecord

/// FAT12, FAT16 and FAT32: the kernel follows cluster chains while it reads files and directories. The tables are
/// read into the cache first, so that everything read for an object is its own.
final class FAT: WalkedFilesystem {
  static let magics: Set<UInt64> = [0x4d44]
  let mount: Mount
  /// It is usually right after the tables, so reading the tables may also read its start.
  private let rootDirectory: [Range<UInt64>]

  init(_ mount: Mount, method: WalkMethod) throws(WalkError) {
    self.mount = mount
    rootDirectory = try AllocationTables.readIntoCache(of: mount) { AllocationTables(ofFAT: $0) }?.rootDirectory ?? []
  }

  // Looking a directory up reads all of it.
  let announcement = DirectoryAnnouncement.beforeLookup
  let extentSource = ExtentSource.fibmap

  func directory(named name: [UInt8], in parent: Record.ObjectID) -> [Range<UInt64>] {
    parent == 0 ? rootDirectory : []
  }

  func extents(of layout: FileLayout, number: UInt64) -> [FileLayout.Piece]? {
    layout.blockList(mayHaveHoles: false, endsWithCluster: false)
  }
}
