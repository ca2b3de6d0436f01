import WalkRecord

/// Btrfs: directories, attributes and small files are in trees, of which virt-bmap reads the rest.
final class Btrfs: Filesystem {
  static let magics: Set<UInt64> = [0x9123_683e]
  let mount: Mount

  init(_ mount: Mount, method: WalkMethod) { self.mount = mount }

  let announcement = DirectoryAnnouncement.beforeLookup
  let metadata = ObjectMetadata.tree
  // It brings in checksums.
  let needsSecondRead = true
}
