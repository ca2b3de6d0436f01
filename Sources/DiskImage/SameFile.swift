import Glibc
public import SystemPackage

/// Whether two names, of which either may be of nothing, are the same file's or the same device's.
public func isSameFile(_ one: FilePath, _ other: FilePath) -> Bool {
  guard let one = status(of: one), let other = status(of: other) else { return false }
  let areDevices = one.st_mode & S_IFMT == S_IFBLK && other.st_mode & S_IFMT == S_IFBLK
  return one.st_dev == other.st_dev && one.st_ino == other.st_ino || areDevices && one.st_rdev == other.st_rdev
}

/// Nil if there is no such file.
private func status(of path: FilePath) -> stat? {
  var status = stat()
  return path.withPlatformString({ stat($0, &status) }) == 0 ? status : nil
}
