import BlockStack
import Bytes
import NTFSRecords

/// NTFS, as ntfs-3g mounts it. The walker reads what it stores for single files from the file table.
struct NTFS: FilesystemType {
  let names: [Substring] = ["ntfs"]
  let evidence = FileEvidence.fileTable

  var metadata: MetadataTool? {
    MetadataTool(tools: NTFSMetadata.tools, script: NTFSMetadata.script, areas: NTFSMetadata.areas)
  }

  func areas(on device: some DeviceBytes, known: [DeviceArea]) throws -> [DeviceArea] {
    try NTFSFreeSpace.areas(on: device, known: known)
  }

  func allocationUnits(on device: some DeviceBytes, metadata: String) throws -> AllocationUnits? {
    guard let boot = BootSector(try device.bytes(at: 0, count: BootSector.size)) else { return nil }
    return AllocationUnits(
      nameOfLost: "lost clusters", end: boot.clusterCount.times(boot.clusterSize), size: boot.clusterSize)
  }
}
