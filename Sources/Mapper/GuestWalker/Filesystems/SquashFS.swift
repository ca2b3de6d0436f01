import WalkRecord

/// SquashFS: everything is compressed, and nothing reports where it is.
final class SquashFS: WalkedFilesystem {
  static let magics: Set<UInt64> = [0x7371_7368]
  let mount: Mount

  init(_ mount: Mount, method: WalkMethod) { self.mount = mount }

  let extentSource = ExtentSource.none

  func unmappedPiece(of layout: FileLayout) -> (size: UInt64, layout: Chunk.Layout) { (1 << 20, .encoded) }
}
