import BlockMap
import WalkRecord

/// Limits on what the walk of a filesystem may report.
///
/// The walker's records come from an appliance that has mounted an untrusted filesystem, and may be controlled by
/// it. So they are checked against what virt-bmap itself knows: the size of the disks, and what no filesystem can
/// do.
package struct WalkBounds: Equatable {
  /// Maximum number of names of files, directories and other objects, including additional hard links.
  package var names: Int
  /// Maximum size of all names together, in bytes.
  package var bytesOfNames: Int
  /// Maximum number of ranges of all objects together.
  package var ranges: Int
  /// Whether the maximum size of the map sets these limits, so that a larger map could hold more.
  package private(set) var areOfMap: Bool
  /// Parts of the disks that the kernel reads at any time to find the blocks of a volume: the metadata of thin pools. No
  /// file is there.
  package var metadata: [ChunkReads.DiskRange] = []

  /// Maximum nesting of directories, deeper than the walker goes.
  package static let depth: UInt32 = 8194
  /// Maximum length of a name, longer than in any filesystem: 255 characters of four bytes.
  package static let nameBytes = 1024
  /// Maximum size of a file or a device: the kernel's offsets are signed.
  package static let maximumBytes = UInt64(Int64.max)
  /// Maximum number of ranges held for chunks that are still ambiguous.
  package static let pendingReads = 1 << 22

  /// - Parameters:
  ///   - bytes: the maximum size of the filesystem.
  ///   - type: blkid(8)'s name of the filesystem.
  ///   - mapBytes: the maximum size of the map, in bytes.
  package init(bytes: UInt64, isCompressed: Bool, mapBytes: UInt64) {
    let bytes = min(bytes, Self.maximumBytes)
    // A name and its object take at least 12 bytes. In these filesystems they may be compressed.
    let minimumBytes: UInt64 = isCompressed ? 1 : 8
    // Files can share blocks, so a small filesystem may have more ranges than sectors.
    let fromDisk = (names: bytes / minimumBytes + 1 << 16, ranges: max(bytes / 512, 1 << 20) * 4)
    // No line of a map is shorter than 16 bytes.
    let fromMap = max(mapBytes / 16, 1 << 16)
    areOfMap = fromMap < max(fromDisk.names, fromDisk.ranges)
    bytesOfNames = Int(clamping: max(isCompressed ? mapBytes : min(bytes, mapBytes), 1 << 26))
    names = Int(clamping: min(fromDisk.names, fromMap))
    ranges = Int(clamping: min(fromDisk.ranges, fromMap))
  }

  /// Limits for tests and tools, more than any of them needs.
  package static let usual = WalkBounds(bytes: 1 << 30, isCompressed: false, mapBytes: 1 << 30)

  package static func isName(_ name: [UInt8]) -> Bool {
    guard !name.isEmpty, name.count <= nameBytes, name != [0x2e], name != [0x2e, 0x2e] else { return false }
    return !name.contains { $0 == 0 || $0 == 0x2f }
  }
}
