struct NILFS2: FilesystemType {
  let names: [Substring] = ["nilfs2"]
  let reportsHoles = true

  func optionWithoutReplay(for name: Substring) -> String? { "norecovery" }
}
