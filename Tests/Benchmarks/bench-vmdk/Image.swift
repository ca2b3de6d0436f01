import Benchmarking
import Glibc
import Subprocess
import SystemPackage

/// The disk in one format.
enum Image: String, CaseIterable {
  case raw, monolithicFlat, monolithicSparse, streamOptimized

  static let size: UInt64 = 4 << 30
  /// The part of the disk with data, 1.1 GB; the rest is a hole.
  static let stored: Range<UInt64> = 256 << 20..<(256 << 20) + 16785 * 65536

  var format: String { self == .raw ? "raw" : "vmdk" }

  func path(in directory: FilePath) -> FilePath { directory.appending("\(rawValue).\(format)") }

  /// Makes the images, unless the directory exists already.
  static func makeAll(in directory: FilePath) async throws {
    guard access(directory.string, F_OK) != 0 else { return }
    print("making the images in \(directory)")
    fflush(nil)
    // Rename the directory when it is complete, so that an interrupted run leaves nothing that looks complete.
    let unfinished = FilePath("\(directory).unfinished")
    _ = try await timed(.name("rm"), ["-rf", unfinished.string])
    _ = try await timed(.name("mkdir"), ["-p", unfinished.string])
    let source = Image.raw.path(in: unfinished)
    try writeRaw(at: source)
    for image in allCases where image != .raw {
      let options = ["-f", "raw", "-O", "vmdk", "-o", "subformat=\(image)"]
      _ = try await timed(
        .name("qemu-img"), ["convert"] + options + [source.string, image.path(in: unfinished).string])
    }
    _ = try await timed(.name("mv"), [unfinished.string, directory.string])
  }

  /// Writes the raw disk, with the same bytes each time. Of each 4 KiB of data, the first half is random and the
  /// second half repeats one byte, so that deflate compresses it to about half.
  private static func writeRaw(at path: FilePath) throws {
    let file = try FileDescriptor.open(
      path, .writeOnly, options: [.create, .truncate], permissions: [.ownerReadWrite])
    try file.closeAfter {
      guard ftruncate(file.rawValue, off_t(size)) == 0 else { throw Errno(rawValue: errno) }
      var random = SplitMix64(state: 3)
      var block = [UInt64](repeating: 0, count: 65536 / 8)
      for offset in stride(from: stored.lowerBound, to: stored.upperBound, by: 65536) {
        for index in block.indices {
          block[index] = index % 512 < 256 ? random.next() : offset / 65536 & 0xff &* 0x0101_0101_0101_0101
        }
        _ = try block.withUnsafeBytes { try file.writeAll(toAbsoluteOffset: Int64(offset), $0) }
      }
    }
  }
}

/// Numbers that look random and are the same in every run.
private struct SplitMix64 {
  var state: UInt64

  mutating func next() -> UInt64 {
    state &+= 0x9e37_79b9_7f4a_7c15
    var z = state
    z = (z ^ (z >> 30)) &* 0xbf58_476d_1ce4_e5b9
    z = (z ^ (z >> 27)) &* 0x94d0_49bb_1331_11eb
    return z ^ (z >> 31)
  }
}
