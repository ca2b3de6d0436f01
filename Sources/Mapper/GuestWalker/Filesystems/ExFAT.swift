import Glibc
import WalkRecord

/// exFAT, which is read like FAT.
final class ExFAT: WalkedFilesystem {
  static let magics: Set<UInt64> = [0x2011_bab0]
  let mount: Mount

  init(_ mount: Mount, method: WalkMethod) throws(WalkError) {
    self.mount = mount
    _ = try AllocationTables.readIntoCache(of: mount) { AllocationTables(ofExFAT: $0) }
  }

  let announcement = DirectoryAnnouncement.beforeLookup
  let extentSource = ExtentSource.fibmap

  func extents(of layout: FileLayout, number: UInt64) -> [FileLayout.Piece]? {
    // The kernel maps a file up to the end of its last cluster.
    layout.blockList(mayHaveHoles: false, endsWithCluster: true)
  }
}
