import WalkRecord

/// A filesystem that the walker knows nothing of: what the kernel says of it is believed, and proved.
final class Other: Filesystem {
  static let magics: Set<UInt64> = []
  let mount: Mount

  init(_ mount: Mount, method: WalkMethod) { self.mount = mount }
}
