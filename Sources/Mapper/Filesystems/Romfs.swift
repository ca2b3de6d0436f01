struct Romfs: FilesystemType {
  let names: [Substring] = ["romfs"]
  let isCompressed = true
}
