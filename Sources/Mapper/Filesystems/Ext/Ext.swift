/// ext2, ext3 and ext4.
struct Ext: FilesystemType {
  let names: [Substring] = ["ext2", "ext3", "ext4"]
  let reportsHoles = true

  var metadata: MetadataTool? {
    MetadataTool(
      tools: ExtMetadata.tools, script: ExtMetadata.script, areas: ExtMetadata.areas,
      isComplete: ExtMetadata.isComplete)
  }

  func allocationUnits(on device: some DeviceBytes, metadata: String) -> AllocationUnits? {
    ExtMetadata.allocationUnits(parsing: metadata)
  }

  var inodeBlocks: InodeBlocksTool? {
    InodeBlocksTool(
      tools: ExtInodeBlocks.tools, script: ExtInodeBlocks.script,
      questions: { inodes, _ in ExtInodeBlocks.questions(about: inodes) },
      blocks: { ExtInodeBlocks.blocks(parsing: $0, inodes: $1) }, reportsDirectories: false)
  }

  func optionWithoutReplay(for name: Substring) -> String? { name == "ext2" ? nil : "noload" }
}
