import WalkRecord

final class Minix: WalkedFilesystem {
  /// Versions 1 and 2, each with names of 14 and 30 bytes, and version 3.
  static let magics: Set<UInt64> = [0x137f, 0x138f, 0x2468, 0x2478, 0x4d5a]
  let mount: Mount

  init(_ mount: Mount, method: WalkMethod) { self.mount = mount }

  let extentSource = ExtentSource.fibmap
  let directReads = DirectReads.device

  func extents(of layout: FileLayout, number: UInt64) -> [FileLayout.Piece]? {
    layout.blockList(mayHaveHoles: true, endsWithCluster: false)
  }
}
