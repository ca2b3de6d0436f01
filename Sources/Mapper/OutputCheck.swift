import BlockMap
import Glibc
import SystemPackage

/// Throws if the map would take the place of one of `inputs`, the files of the disk, under whatever name, or be written
/// over a block device.
func checkOutput(_ output: FilePath, isNoneOf inputs: [FilePath]) throws(MapError) {
  guard let target = status(of: output) else { return }
  for input in inputs {
    guard let input = status(of: input) else { continue }
    let isSameFile = target.st_dev == input.st_dev && target.st_ino == input.st_ino
    if isSameFile { throw .file(output, "is a part of the disk that is to be mapped") }
  }
  if target.st_mode & S_IFMT == S_IFBLK { throw .file(output, "is a block device, not a place for a map") }
}

/// Symbolic links are followed. Nil: there is no such file.
private func status(of path: FilePath) -> stat? {
  var status = stat()
  return path.withPlatformString({ stat($0, &status) }) == 0 ? status : nil
}
