import CLinux
import Glibc

/// A device that is read through the page cache, as the kernel reads FAT's tables.
final class CachedDevice {
  private let descriptor: Int32
  private let buffer = AlignedBuffer(size: 1 << 20).bytes

  init(_ mount: Mount) throws(WalkError) {
    descriptor = clinux_openat(AT_FDCWD, mount.devicePath, O_RDONLY, 0)
    guard descriptor >= 0 else { throw .system(mount.devicePath) }
  }

  deinit {
    close(descriptor)
    buffer.deallocate()
  }

  /// The bytes in a range, as far as they can be read, at most 1 MiB.
  func bytes(_ range: Range<UInt64>) -> [UInt8] {
    let wanted = Int(min(UInt64(buffer.count), range.upperBound - range.lowerBound))
    guard let offset = off_t(exactly: range.lowerBound) else { return [] }
    return Array(buffer.prefix(max(0, pread(descriptor, buffer.baseAddress, wanted, offset))))
  }

  /// Reads a range, so that later reads of it do not reach the disk.
  func readIntoCache(_ range: Range<UInt64>) {
    var offset = range.lowerBound
    while offset < range.upperBound {
      let count = bytes(offset..<range.upperBound).count
      guard count > 0 else { return }
      offset += UInt64(count)
    }
  }
}
