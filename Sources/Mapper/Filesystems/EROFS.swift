import BlockStack
import Bytes

/// EROFS. Its inodes lie among the data, so only the superblock has a fixed location (kernel documentation, "EROFS").
struct EROFS: FilesystemType {
  let names: [Substring] = ["erofs"]
  let isCompressed = true

  private static let superblock: UInt64 = 1024
  private static let superblockBytes: UInt64 = 128
  private static let magic: [UInt8] = [0xe2, 0xe1, 0xf5, 0xe0]

  func areas(on device: some DeviceBytes, known: [DeviceArea]) throws -> [DeviceArea] {
    guard device.size >= Self.superblock + Self.superblockBytes else { return [] }
    let header = try device.bytes(at: Self.superblock, count: Int(Self.superblockBytes))
    guard header.has(Self.magic, at: 0), header[12] < 32 else { return [] }
    var areas: [DeviceArea] = []
    areas.add("boot block", at: 0, count: Self.superblock, kind: .boot)
    areas.add("superblock", at: Self.superblock, count: Self.superblockBytes)
    areas.addSpace(behind: header.little(at: 36, width: 4).times(1 << UInt64(header[12])), on: device)
    return areas
  }
}
