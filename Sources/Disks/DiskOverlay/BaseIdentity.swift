import Digest
import DiskImage
import Glibc
import SystemPackage

/// Identifies a disk without reading all of it.
enum BaseIdentity {
  private static let edge = 64 << 10
  private static let sample = 4096
  private static let samples: UInt64 = 64

  /// A digest of the size of the disk, its first and last 64 KiB, and 63 blocks of 4 KiB spread evenly in between. A
  /// range that cannot be read counts as bytes of 0xff.
  static func digest(of disk: any VirtualDisk) throws -> [UInt8] {
    var hash = try Blake2b()
    try withUnsafeBytes(of: disk.size.littleEndian) { try hash.update($0) }
    var ranges = [0..<min(UInt64(edge), disk.size), disk.size - min(UInt64(edge), disk.size)..<disk.size]
    for number in 1..<samples {
      let start = disk.size / samples * number / UInt64(sample) * UInt64(sample)
      ranges.append(start..<min(start + UInt64(sample), disk.size))
    }
    var buffer = [UInt8](repeating: 0, count: edge)
    for range in ranges {
      try buffer.withUnsafeMutableBytes { buffer in
        let part = UnsafeMutableRawBufferPointer(rebasing: buffer[..<range.count])
        do {
          try disk.read(into: part, at: range.lowerBound)
        } catch {
          part.initializeMemory(as: UInt8.self, repeating: 0xff)
        }
        try hash.update(UnsafeRawBufferPointer(part))
      }
    }
    return try hash.finish()
  }

  /// The latest modification time of the files, in nanoseconds since 1970. Files that cannot be examined are ignored.
  static func lastChange(of files: [FilePath]) -> UInt64 {
    var last: UInt64 = 0
    for file in files {
      var status = stat()
      guard file.withPlatformString({ stat($0, &status) }) == 0 else { continue }
      last = max(last, time(status))
    }
    return last
  }

  /// The modification time of a file, in nanoseconds since 1970.
  static func time(_ status: stat) -> UInt64 {
    UInt64(clamping: status.st_mtim.tv_sec) &* 1_000_000_000 &+ UInt64(clamping: status.st_mtim.tv_nsec)
  }
}
