/// NTFS, as ntfs-3g mounts it. What it stores for single files is in its file table, which the walker reads.
struct NTFS: FilesystemType {
  let names: [Substring] = ["ntfs"]
  let evidence = FileEvidence.fileTable

  var metadata: MetadataTool? {
    MetadataTool(tools: NTFSMetadata.tools, script: NTFSMetadata.script, areas: NTFSMetadata.areas)
  }
}
