/// SquashFS and cramfs. Their files are compressed and may share blocks.
struct SquashFS: FilesystemType {
  let names: [Substring] = ["squashfs", "cramfs"]
  let evidence = FileEvidence.compression
  let isCompressed = true
}

/// Other filesystems that are written once, like an archive. Their files may be uncompressed.
struct ReadOnlyArchive: FilesystemType {
  let names: [Substring] = ["erofs", "romfs"]
  let isCompressed = true
}
