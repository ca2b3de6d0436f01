import WalkRecord

/// Btrfs: directories, attributes and small files are in trees. The walker reads directories and files; virt-bmap
/// reads the trees for the rest.
final class Btrfs: WalkedFilesystem {
  static let magics: Set<UInt64> = [0x9123_683e]
  let mount: Mount

  init(_ mount: Mount, method: WalkMethod) { self.mount = mount }

  let announcement = DirectoryAnnouncement.beforeLookup
  let metadata = ObjectMetadata.tree
  // The first read also reads checksums.
  let needsSecondRead = true
}
