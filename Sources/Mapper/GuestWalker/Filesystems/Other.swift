import WalkRecord

/// A filesystem without special treatment: the walker reports the extents that the kernel returns, and a sample is
/// read to prove them.
final class Other: WalkedFilesystem {
  static let magics: Set<UInt64> = []
  let mount: Mount

  init(_ mount: Mount, method: WalkMethod) { self.mount = mount }
}
