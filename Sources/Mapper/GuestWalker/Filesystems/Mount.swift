import CLinux
import Glibc

/// Where the filesystem is mounted, and its properties that do not depend on its type.
struct Mount {
  /// The mount point.
  let directory: String
  /// The path of the block device it is on.
  let devicePath: String
  /// The block device, open for direct reads.
  let device: Int32
  /// The device is a disk or a partition and not built from other devices: a contiguous range on it is contiguous on
  /// the disk.
  let isPlainDevice: Bool
  /// The filesystem's type, as statfs(2) reports it: see linux/magic.h.
  let magic: UInt64
  /// In bytes; the cluster size if there are clusters. A read at the end of a file is rounded up to it.
  let blockSize: UInt64
  let inodesInUse: UInt64
  let bytesInUse: UInt64
}

extension Mount {
  init(on directory: String) throws(WalkError) {
    guard let path = mountedDevice(on: directory) else { throw WalkError("\(directory): nothing is mounted there") }
    try self.init(directory: directory, devicePath: path)
  }

  init(directory: String, devicePath: String) throws(WalkError) {
    // By path: opening the root would make XFS read its first block, unseen.
    var status = clinux_statfs()
    guard clinux_get_statfs(directory, &status) == 0 else { throw .system(directory) }
    let device = clinux_openat(AT_FDCWD, devicePath, O_RDONLY, 1)
    guard device >= 0 else { throw .system(devicePath) }
    self.init(
      directory: directory, devicePath: devicePath, device: device, isPlainDevice: clinux_is_layered(device) == 0,
      magic: status.type, blockSize: max(512, min(status.block_size, 65_536)),
      inodesInUse: status.files &- min(status.files, status.files_free),
      bytesInUse: (status.blocks &- min(status.blocks, status.blocks_free)) &* status.block_size)
  }

  /// Drops the device's page cache.
  /// - Returns: false with errno set on failure.
  @discardableResult func dropDeviceCache() -> Bool { clinux_flush_buffers(device) == 0 }
}

/// The device of a mount point in /proc/mounts; the last mount is the visible one.
private func mountedDevice(on directory: String) -> String? {
  guard let mounts = fopen("/proc/mounts", "r") else { return nil }
  defer { fclose(mounts) }
  var line: UnsafeMutablePointer<CChar>?
  var capacity = 0
  defer { free(line) }
  var device: String?
  while getline(&line, &capacity, mounts) > 0, let line {
    let fields = String(cString: line).split(separator: " ", maxSplits: 2)
    if fields.count > 1, fields[1] == directory { device = String(fields[0]) }
  }
  return device
}
