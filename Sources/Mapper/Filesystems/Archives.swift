/// SquashFS and cramfs, whose files are all compressed and share blocks.
struct SquashFS: FilesystemType {
  let names: [Substring] = ["squashfs", "cramfs"]
  let evidence = FileEvidence.compression
  let isCompressed = true
}

/// Other filesystems that are written once, as an archive is. Their files need not be compressed.
struct ReadOnlyArchive: FilesystemType {
  let names: [Substring] = ["erofs", "romfs"]
  let isCompressed = true
}
