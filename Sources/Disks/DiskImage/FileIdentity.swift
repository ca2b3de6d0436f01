public import Glibc
public import SystemPackage

/// What tells a file, or a block device, from all others, whatever its names.
public enum FileIdentity: Equatable, Sendable {
  case file(device: dev_t, inode: ino_t)
  /// Each of its nodes has an inode of its own.
  case blockDevice(dev_t)

  /// Of what stat(2) and fstat(2) say.
  public init(_ status: stat) {
    self =
      status.st_mode & S_IFMT == S_IFBLK
      ? .blockDevice(status.st_rdev) : .file(device: status.st_dev, inode: status.st_ino)
  }

  /// Nil if there is no such file, or it cannot be asked; `errno` says why.
  public init?(of path: FilePath) {
    var status = stat()
    guard path.withPlatformString({ stat($0, &status) }) == 0 else { return nil }
    self.init(status)
  }
}

/// Whether two names, of which either may be of nothing, are the same file's or the same device's.
public func isSameFile(_ one: FilePath, _ other: FilePath) -> Bool {
  guard let one = FileIdentity(of: one), let other = FileIdentity(of: other) else { return false }
  return one == other
}
