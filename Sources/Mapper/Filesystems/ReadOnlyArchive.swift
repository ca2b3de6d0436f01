/// Other filesystems that are written once, as an archive is. Their files need not be compressed.
struct ReadOnlyArchive: FilesystemType {
  let names: [Substring] = ["erofs", "romfs"]
  let isCompressed = true
}
