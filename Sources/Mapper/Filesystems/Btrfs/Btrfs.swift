import BlockStack

/// Btrfs. What it stores for single inodes is found in its trees (`BtrfsTree`).
struct Btrfs: FilesystemType {
  let names: [Substring] = ["btrfs"]
  let reportsHoles = true
  let hasLogicalAddresses = true

  var metadata: MetadataTool? {
    MetadataTool(tools: BtrfsMetadata.tools, script: BtrfsMetadata.script, areas: BtrfsMetadata.areas)
  }

  /// Throws if `BtrfsMetadata` found no free space. There is always some, because the chunks of the chunk tree are
  /// much larger than the tree.
  func areas(on device: some DeviceBytes, known: [DeviceArea]) throws -> [DeviceArea] {
    guard known.contains(where: { $0.kind == .unallocated && $0.device == BtrfsTree.device }) else {
      throw SpaceError.incomplete
    }
    return []
  }

  func optionWithoutReplay(for name: Substring) -> String? { "rescue=nologreplay" }
}
