/// Btrfs. What it stores for single inodes is found in its trees (`BtrfsTree`).
struct Btrfs: FilesystemType {
  let names: [Substring] = ["btrfs"]
  let reportsHoles = true
  let hasLogicalAddresses = true

  var metadata: MetadataTool? {
    MetadataTool(tools: BtrfsMetadata.tools, script: BtrfsMetadata.script, areas: BtrfsMetadata.areas)
  }

  func optionWithoutReplay(for name: Substring) -> String? { "rescue=nologreplay" }
}
