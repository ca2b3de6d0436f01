import BlockStack
import Bytes

/// EROFS. Its inodes lie among the data, so only the superblock has a fixed location (kernel documentation, "EROFS";
/// struct erofs_super_block).
struct EROFS: RestNaming {
  let names: [Substring] = ["erofs"]
  let isCompressed = true

  private static let superblock: UInt64 = 1024
  private static let superblockBytes: UInt64 = 128
  private static let magic: [UInt8] = [0xe2, 0xe1, 0xf5, 0xe0]

  private struct Superblock {
    /// The end of the filesystem, in bytes.
    var end: UInt64
    /// The incompatible features.
    var features: UInt64
  }

  private func superblock(on device: some DeviceBytes) throws -> Superblock? {
    guard device.size >= Self.superblock + Self.superblockBytes else { return nil }
    let header = try device.bytes(at: Self.superblock, count: Int(Self.superblockBytes))
    guard header.has(Self.magic, at: 0), header[12] < 32,
      let end = header.little(at: 36, width: 4).times(1 << UInt64(header[12]))
    else { return nil }
    return Superblock(end: end, features: header.little(at: 80, width: 4))
  }

  func areas(on device: some DeviceBytes, known: [DeviceArea]) throws -> [DeviceArea] {
    guard let header = try superblock(on: device) else { return [] }
    var areas: [DeviceArea] = []
    areas.add("boot block", at: 0, count: Self.superblock, kind: .boot)
    areas.add("superblock", at: Self.superblock, count: Self.superblockBytes)
    areas.addSpace(behind: header.end, on: device)
    return areas
  }

  /// The filesystem consists of files, directories and blocks of inodes, which also hold extended attributes, targets
  /// of links and the maps of compressed files. With fragments, the ends of files are elsewhere, too.
  func nameRest(of space: inout UnnamedSpace, on device: some DeviceBytes) throws {
    let (fragments, known): (UInt64, UInt64) = (0x20, 0x7f)
    guard let header = try superblock(on: device), header.features & fragments == 0, header.features <= known else {
      return
    }
    space.name("inodes", [0..<header.end])
  }
}
