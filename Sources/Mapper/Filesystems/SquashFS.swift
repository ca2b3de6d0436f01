/// SquashFS and cramfs, whose files are all compressed and share blocks.
struct SquashFS: FilesystemType {
  let names: [Substring] = ["squashfs", "cramfs"]
  let evidence = FileEvidence.compression
  let isCompressed = true
}
