public import Glibc
public import SystemPackage

/// Identifies a file or a block device, whichever of its names is used.
public enum FileIdentity: Equatable, Sendable {
  case file(device: dev_t, inode: ino_t)
  /// By device number, because each node of a block device has its own inode.
  case blockDevice(dev_t)

  /// The identity of the file that stat(2) or fstat(2) returned.
  public init(_ status: stat) {
    self =
      status.st_mode & S_IFMT == S_IFBLK
      ? .blockDevice(status.st_rdev) : .file(device: status.st_dev, inode: status.st_ino)
  }

  /// `nil` if the file does not exist or cannot be examined; `errno` has the reason.
  public init?(of path: FilePath) {
    var status = stat()
    guard path.withPlatformString({ stat($0, &status) }) == 0 else { return nil }
    self.init(status)
  }
}

/// Whether two paths lead to the same file or device. False if either of them does not exist.
public func isSameFile(_ one: FilePath, _ other: FilePath) -> Bool {
  guard let one = FileIdentity(of: one), let other = FileIdentity(of: other) else { return false }
  return one == other
}
