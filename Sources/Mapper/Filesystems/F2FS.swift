struct F2FS: FilesystemType {
  let names: [Substring] = ["f2fs"]
  let reportsHoles = true

  func optionWithoutReplay(for name: Substring) -> String? { "norecovery" }
}
