import BlockMap

/// What the walk of a filesystem may tell at the most.
///
/// The walker's records come from an appliance that has mounted somebody's filesystem, and may be that filesystem's by
/// now. So they are held against what virt-bmap itself knows: how large the disks are, and what no filesystem can do.
package struct WalkBounds: Equatable {
  /// Of files, directories and others, further ones of the same file too.
  package var names: Int
  /// Of all names together, in bytes.
  package var bytesOfNames: Int
  /// Ranges of objects.
  package var ranges: Int
  /// Whether a larger map would have room for more.
  package private(set) var areOfMap: Bool

  /// Deeper than the walker goes.
  package static let depth: UInt32 = 8194
  /// Longer than a name is in any filesystem: 255 characters of four bytes.
  package static let nameBytes = 1024
  /// Of a file or a device: the kernel counts them with a sign.
  package static let mostBytes = UInt64(Int64.max)
  /// Reads of chunks whose bytes are not told apart yet.
  package static let pendingReads = 1 << 22

  /// - Parameters:
  ///   - bytes: of the filesystem, at the most.
  ///   - type: blkid(8)'s name for it.
  ///   - mapBytes: the most that the map may have.
  package init(bytes: UInt64, type: String, mapBytes: UInt64) {
    let bytes = min(bytes, Self.mostBytes)
    // A name with what it stands for takes 12 bytes where it takes least. Those may be compressed.
    let isCompressed = ["squashfs", "erofs", "cramfs", "romfs"].contains(type)
    let leastBytes: UInt64 = isCompressed ? 1 : 8
    // Blocks may be many files': of a small filesystem more ranges are believed than it has sectors.
    let fromDisk = (names: bytes / leastBytes + 1 << 16, ranges: max(bytes / 512, 1 << 20) * 4)
    // No line of a map is shorter.
    let fromMap = max(mapBytes / 16, 1 << 16)
    areOfMap = fromMap < max(fromDisk.names, fromDisk.ranges)
    bytesOfNames = Int(clamping: max(isCompressed ? mapBytes : min(bytes, mapBytes), 1 << 26))
    names = Int(clamping: min(fromDisk.names, fromMap))
    ranges = Int(clamping: min(fromDisk.ranges, fromMap))
  }

  /// More than any test or tool needs.
  package static let usual = WalkBounds(bytes: 1 << 30, type: "", mapBytes: 1 << 30)

  package static func isName(_ name: [UInt8]) -> Bool {
    guard !name.isEmpty, name.count <= nameBytes, name != [0x2e], name != [0x2e, 0x2e] else { return false }
    return !name.contains { $0 == 0 || $0 == 0x2f }
  }
}
