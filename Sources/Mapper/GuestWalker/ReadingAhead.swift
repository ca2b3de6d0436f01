import CLinux
import Glibc

/// Makes reads of the filesystem's own blocks few and large, where the walk need not tell them apart.
///
/// It reads blocks of several directories in one go before they are needed, and lets the kernel merge requests for
/// neighbouring blocks of the inode table. On an emulated machine, sending a request takes longer than reading the
/// data.
struct ReadingAhead {
  /// Directories no further apart than this, in bytes, are read in one go.
  private static let gap: UInt64 = 16 << 10
  /// The most that is read ahead of a directory, in bytes.
  private static let largestBeginning: UInt64 = 256 << 10

  /// The filesystem's device.
  private let device: Int32
  /// The disks for which virt-bmap has turned off request merging in /sys/block/*/queue/nomerges, so that an
  /// object's pieces stay apart, each with that setting.
  private let switches: [(file: Int32, usual: UInt8)]

  init(device: Int32) {
    self.device = device
    switches = Self.disks().compactMap { disk in
      let file = open("/sys/block/\(disk)/queue/nomerges", O_RDWR | O_CLOEXEC)
      var usual: UInt8 = 0
      guard file >= 0, pread(file, &usual, 1, 0) == 1, usual != UInt8(ascii: "0") else {
        if file >= 0 { close(file) }
        return nil
      }
      return (file, usual)
    }
  }

  /// Turns request merging on or off. It must be off while an object is read.
  func putRequestsTogether(_ isOn: Bool) {
    for (file, usual) in switches {
      var value = isOn ? UInt8(ascii: "0") : usual
      _ = pwrite(file, &value, 1, 0)
    }
  }

  /// Starts reading the first blocks of directories, without waiting for them.
  func read(_ names: some Sequence<[UInt8]>, in directory: Int32) {
    var ranges: [Range<UInt64>] = []
    for name in names {
      let descriptor = withName(name) { clinux_openat(directory, $0, O_RDONLY | O_DIRECTORY | O_NOFOLLOW, 0) } ?? -1
      guard descriptor >= 0 else { continue }
      if let range = Fiemap.beginning(of: descriptor, length: Self.largestBeginning) { ranges.append(range) }
      close(descriptor)
    }
    ranges.sort { $0.lowerBound < $1.lowerBound }
    var next: Range<UInt64>?
    for range in ranges {
      if let last = next, range.lowerBound <= last.upperBound &+ Self.gap {
        next = last.lowerBound..<max(last.upperBound, range.upperBound)
      } else {
        read(next)
        next = range
      }
    }
    read(next)
  }

  private func read(_ range: Range<UInt64>?) {
    guard let range, !range.isEmpty else { return }
    _ = clinux_readahead(device, range.lowerBound, range.count)
  }

  private static func disks() -> [String] {
    guard let directory = opendir("/sys/block") else { return [] }
    defer { closedir(directory) }
    var names: [String] = []
    while let entry = readdir(directory) {
      let name = withUnsafeBytes(of: entry.pointee.d_name) { String(decoding: $0.prefix { $0 != 0 }, as: UTF8.self) }
      if !name.hasPrefix(".") { names.append(name) }
    }
    return names
  }
}
