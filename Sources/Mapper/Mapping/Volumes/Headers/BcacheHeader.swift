import BlockStack
import Bytes
import Filesystems

/// What a device of a bcache has before its data: on a backing device up to the data, on a cache device up to the first
/// bucket. (Kernel's uapi header linux/bcache.h of Linux 5.10, struct cache_sb.)
enum BcacheHeader {
  private static let magic: [UInt8] = [
    0xc6, 0x85, 0x73, 0xf6, 0x4e, 0x1a, 0x45, 0xca, 0x82, 0x65, 0xf5, 0x7f, 0x48, 0xba, 0x6d, 0x81,
  ]
  private static let sector: UInt64 = 512
  private static let superblockStart: UInt64 = 4096
  /// The offset of the data, in sectors, if the superblock does not have it.
  private static let usualDataOffset: UInt64 = 16

  static func areas(on device: some DeviceBytes) throws -> [DeviceArea] {
    guard device.size >= 2 * superblockStart else { return [] }
    let superblock = try device.bytes(at: superblockStart, count: Int(superblockStart))
    guard superblock.has(magic, at: 24) else { return [] }
    let sectors: UInt64
    switch superblock.little(at: 16, width: 8) {
    case 1: sectors = usualDataOffset
    case 4, 6: sectors = superblock.little(at: 184, width: 8)
    case 0, 3, 5: sectors = superblock.little(at: 194, width: 2) * superblock.little(at: 204, width: 2)
    default: return []
    }
    guard let end = sectors.times(sector), end >= 2 * superblockStart, end <= device.size else { return [] }
    var areas: [DeviceArea] = []
    areas.add("bcache header", at: 0, count: end)
    return areas
  }
}
