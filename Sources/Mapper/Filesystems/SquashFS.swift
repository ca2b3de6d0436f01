/// SquashFS and cramfs. Their files are compressed and may share blocks.
struct SquashFS: FilesystemType {
  let names: [Substring] = ["squashfs", "cramfs"]
  let evidence = FileEvidence.compression
  let isCompressed = true
}
