/// FAT12, FAT16 and FAT32.
struct FAT: FilesystemType {
  let names: [Substring] = ["vfat"]

  var metadata: MetadataTool? {
    MetadataTool(tools: FATMetadata.tools, script: FATMetadata.script, areas: FATMetadata.areas)
  }
}
