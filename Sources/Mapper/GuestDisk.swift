import BlockMap
import DiskImage
import Glibc
import SystemPackage

/// One of the guest's disks, as it was when the run began.
struct GuestDisk: Sendable {
  let path: FilePath
  let format: DiskFormat
  /// In bytes, as the guest sees it.
  let size: UInt64
  /// The files it is made of.
  let files: [FilePath]

  /// Opens the disk to see what it is, and closes it again.
  init(
    at path: FilePath, format: DiskFormat?, options: OpenOptions, reporter: any Reporter
  ) throws(DiskError) {
    let opened = try openDisk(at: path, format: format, options: options)
    defer { opened.disk.close() }
    for warning in opened.warnings { reporter.warning(warning) }
    self.path = path
    self.format = opened.format
    size = opened.disk.size
    files = opened.files
  }

  var description: DiskDescription {
    DiskDescription(size: size, format: Array(format.rawValue.utf8), file: path.bytes)
  }

  /// Throws if the disk's size is another one now: a disk that was cut short looks to the appliance like one with nothing
  /// there.
  func checkSize(_ options: OpenOptions) throws(MapperError) {
    guard let now = try? openDisk(at: path, format: format, options: options).disk else { return }
    defer { now.close() }
    guard now.size == size else { throw .changed(path) }
  }

  /// Throws if two of the disks are the same file or device: the appliance would take one for a copy of the other, and
  /// put the guest's volumes together of either.
  static func checkDistinct(_ paths: [FilePath]) throws(MapperError) {
    var seen: [FilePath] = []
    for path in paths {
      if seen.contains(where: { isSameFile($0, path) }) { throw .givenTwice(path) }
      seen.append(path)
    }
  }
}

/// Whether two names, of which either may be of nothing, are the same file's or the same device's.
func isSameFile(_ one: FilePath, _ other: FilePath) -> Bool {
  guard let one = status(of: one), let other = status(of: other) else { return false }
  let areDevices = one.st_mode & S_IFMT == S_IFBLK && other.st_mode & S_IFMT == S_IFBLK
  return one.st_dev == other.st_dev && one.st_ino == other.st_ino || areDevices && one.st_rdev == other.st_rdev
}

/// Nil if there is no such file.
private func status(of path: FilePath) -> stat? {
  var status = stat()
  return path.withPlatformString({ stat($0, &status) }) == 0 ? status : nil
}
