struct XFS: FilesystemType {
  let names: [Substring] = ["xfs"]
  let reportsHoles = true

  var metadata: MetadataTool? {
    MetadataTool(tools: XFSMetadata.tools, script: XFSMetadata.script, areas: XFSMetadata.areas)
  }

  func allocationUnits(on device: some DeviceBytes, metadata: String) -> AllocationUnits? {
    XFSMetadata.allocationUnits(parsing: metadata)
  }

  var inodeBlocks: InodeBlocksTool? {
    InodeBlocksTool(
      tools: XFSInodeBlocks.tools, script: XFSInodeBlocks.script,
      questions: { XFSInodeBlocks.questions(about: $0, isFile: $1) },
      blocks: { XFSInodeBlocks.blocks(parsing: $0, inodes: $1) }, reportsDirectories: true)
  }

  func optionWithoutReplay(for name: Substring) -> String? { "norecovery" }
}
