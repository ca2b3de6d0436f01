/// Other read-only filesystems. Their files may be uncompressed.
struct ReadOnlyFilesystem: FilesystemType {
  let names: [Substring] = ["erofs", "romfs"]
  let isCompressed = true
}
