import BlockStack
import Bytes
import Filesystems

/// The metadata that DRBD has at the end of its device: a bitmap, the activity log and, in the last whole block, a
/// superblock that says where they are. (DRBD User's Guide, "Data structure"; drbdmeta(8) dump-md.)
enum DRBDMetadata {
  private static let block: UInt64 = 4096
  private static let sector: UInt64 = 512
  /// Of versions 8.3, 8.4 and 9.
  private static let magics: Set<UInt64> = [0x8374_026b, 0x8374_026c, 0x8374_026d, 0x8374_026e]

  static func areas(on device: some DeviceBytes) throws -> [DeviceArea] {
    guard device.size >= block else { return [] }
    let start = device.size / block * block - block
    let superblock = try device.bytes(at: start, count: Int(block))
    guard magics.contains(superblock.big(at: 60, width: 4)) else { return [] }
    // The distances from the superblock, in sectors. They are negative if the metadata is before it.
    let distances = [68, 76].map { Int32(truncatingIfNeeded: superblock.big(at: $0, width: 4)) }
    let before = UInt64((distances.min() ?? 0).magnitude) * sector
    guard distances.allSatisfy({ $0 < 0 }), before <= start else { return [] }
    var areas: [DeviceArea] = []
    areas.add("DRBD metadata", at: start - before, count: device.size - start + before)
    return areas
  }
}
