/// Other filesystems that are written once, like an archive. Their files may be uncompressed.
struct ReadOnlyArchive: FilesystemType {
  let names: [Substring] = ["erofs", "romfs"]
  let isCompressed = true
}
