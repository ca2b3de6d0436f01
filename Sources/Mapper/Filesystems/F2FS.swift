import BlockStack
import Bytes

struct F2FS: FilesystemType {
  let names: [Substring] = ["f2fs"]
  let reportsHoles = true

  func optionWithoutReplay(for name: Substring) -> String? { "norecovery" }

  private static let superblock: UInt64 = 1024
  private static let superblockBytes: UInt64 = 3072
  private static let magic: [UInt8] = [0x10, 0x20, 0xf5, 0xf2]

  /// The superblock says where each area starts; each ends where the next one starts. (Kernel documentation, "WHAT IS
  /// Flash-Friendly File System (F2FS)?"; struct f2fs_super_block.)
  func areas(on device: some DeviceBytes, known: [DeviceArea]) throws -> [DeviceArea] {
    guard device.size >= 2 * (Self.superblock + Self.superblockBytes) else { return [] }
    let header = try device.bytes(at: Self.superblock, count: Int(Self.superblockBytes))
    let blockBits = header.little(at: 16, width: 4)
    guard header.has(Self.magic, at: 0), (12...16).contains(blockBits) else { return [] }
    let block: UInt64 = 1 << blockBits
    var areas: [DeviceArea] = []
    for copy in [0, block] {
      areas.add(
        copy == 0 ? "boot block" : "reserved", at: copy, count: Self.superblock, kind: copy == 0 ? .boot : .metadata)
      areas.add(
        copy == 0 ? "superblock" : "backup superblock", at: copy + Self.superblock, count: block - Self.superblock)
    }
    let names = ["checkpoint", "segment information table", "node address table", "segment summary area"]
    let starts = (0...4).map { header.little(at: 76 + 4 * $0, width: 4) * block }
    if starts[0] > 2 * block { areas.add("reserved", at: 2 * block, count: starts[0] - 2 * block) }
    areas.concatenate { $0 == "reserved" }
    for (index, name) in names.enumerated() where starts[index] < starts[index + 1] {
      areas.add(name, at: starts[index], count: starts[index + 1] - starts[index])
    }
    areas.addSpace(behind: header.little(at: 36, width: 8).times(block), on: device)
    areas += try F2FSFreeSpace(superblock: header, device: device)?.areas() ?? []
    return areas
  }
}
