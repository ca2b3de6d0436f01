import BlockStack
import Bytes

/// The minix filesystem, versions 1 to 3.
struct Minix: FilesystemType {
  let names: [Substring] = ["minix"]

  private static let superblock: UInt64 = 1024

  /// The boot block, the superblock, the inode bitmap, the zone bitmap and the inode table come first, in this order;
  /// zones with data follow. The first bit of the zone bitmap is unused. (Linux's include/uapi/linux/minix_fs.h.)
  func areas(on device: some DeviceBytes, known: [DeviceArea]) throws -> [DeviceArea] {
    guard device.size >= 2 * Self.superblock, let layout = Layout(try device.bytes(at: Self.superblock, count: 32))
    else { return [] }
    let block = layout.blockSize
    var areas: [DeviceArea] = []
    areas.add("boot block", at: 0, count: Self.superblock, kind: .boot)
    let inodeBitmap = max(2 * Self.superblock, 2 * block)
    areas.add("superblock", at: Self.superblock, count: inodeBitmap - Self.superblock)
    areas.add("inode bitmap", at: inodeBitmap, count: layout.inodeBitmapBlocks * block)
    let zoneBitmap = inodeBitmap + layout.inodeBitmapBlocks * block
    areas.add("zone bitmap", at: zoneBitmap, count: layout.zoneBitmapBlocks * block)
    let inodes = zoneBitmap + layout.zoneBitmapBlocks * block
    let zones = layout.firstZone * layout.zoneSize
    guard inodes < zones, zones <= device.size, layout.zones > layout.firstZone else { return areas }
    areas.add("inode table", at: inodes, count: zones - inodes)
    let bitmap = AllocationBitmap(pieces: [zoneBitmap..<inodes], count: layout.zones - layout.firstZone + 1)
    areas += try bitmap.freeAreas(
      on: device, start: zones - layout.zoneSize, blockSize: layout.zoneSize)
    areas.addSpace(behind: layout.zones.times(layout.zoneSize), on: device)
    return areas
  }

  private struct Layout {
    var blockSize: UInt64 = 1024
    var inodeBitmapBlocks: UInt64
    var zoneBitmapBlocks: UInt64
    var firstZone: UInt64
    /// The number of the last zone plus 1.
    var zones: UInt64
    private var zoneBits: UInt64

    /// In bytes.
    var zoneSize: UInt64 { blockSize << zoneBits }

    init?(_ header: [UInt8]) {
      func field(_ offset: Int) -> UInt64 { header.little(at: offset, width: 2) }
      let isVersion3 = field(24) == 0x4d5a
      let first = isVersion3 ? 6 : 4
      (inodeBitmapBlocks, zoneBitmapBlocks, firstZone) = (field(first), field(first + 2), field(first + 4))
      zoneBits = field(first + 6)
      if isVersion3 {
        zones = header.little(at: 20, width: 4)
        blockSize = field(28)
      } else {
        switch field(16) {
        case 0x137f, 0x138f: zones = field(2)
        case 0x2468, 0x2478: zones = header.little(at: 20, width: 4)
        default: return nil
        }
      }
      guard (1024...65536).contains(blockSize), zoneBits < 16 else { return nil }
    }
  }
}
