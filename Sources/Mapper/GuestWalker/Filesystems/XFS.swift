import Glibc
import WalkRecord

final class XFS: WalkedFilesystem {
  static let magics: Set<UInt64> = [0x5846_5342]
  let mount: Mount

  init(_ mount: Mount, method: WalkMethod) { self.mount = mount }

  let metadata = ObjectMetadata.blocks

  /// XFS does not support FIEMAP for directories. It also reads ahead in them, so the order of the reads says
  /// little. virt-bmap asks XFS's tools instead.
  func reportBlocks(of directory: OpenDirectory, in walk: inout Walk) throws(WalkError) {
    guard directory.status.st_blocks > 0 else { return }
    try walk.channel.note(.inode(id: directory.object, number: UInt64(directory.status.st_ino)))
  }

  func attributeExtents(of descriptor: Int32) -> [FileLayout.Piece] {
    Fiemap.attributeExtents(of: descriptor).map {
      FileLayout.Piece(offset: $0.fe_logical, length: $0.fe_length, layout: .exact, physical: $0.fe_physical)
    }
  }
}
