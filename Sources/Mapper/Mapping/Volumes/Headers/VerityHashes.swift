import BlockStack
import Bytes
import Filesystems

/// The hashes of dm-verity: a superblock, which has a whole block, then the hash tree with its top level first.
/// (Kernel documentation, "dm-verity"; cryptsetup's "Verity On-Disk Specification".)
enum VerityHashes {
  private static let superblockBytes: UInt64 = 512

  static func areas(on device: some DeviceBytes) throws -> [DeviceArea] {
    guard device.size >= superblockBytes else { return [] }
    let superblock = try device.bytes(at: 0, count: Int(superblockBytes))
    let block = superblock.little(at: 68, width: 4)
    guard superblock.has(Array("verity\0\0".utf8), at: 0), superblock.little(at: 8, width: 4) == 1,
      (superblockBytes...512 << 10).contains(block), block.nonzeroBitCount == 1, block <= device.size
    else { return [] }
    var areas: [DeviceArea] = []
    areas.add("verity superblock", at: 0, count: block)
    let algorithm = superblock[32..<64].prefix { $0 != 0 }
    guard let digest = digestBytes[String(decoding: algorithm, as: UTF8.self)],
      let length = treeBlocks(of: superblock.little(at: 72, width: 8), perBlock: block / digest).times(block),
      length <= device.size - block
    else { return areas }
    areas.add("verity hash tree", at: block, count: length)
    return areas
  }

  /// In bytes, rounded up to a power of two: the number of hashes in a block is always one.
  private static let digestBytes: [String: UInt64] = [
    "md5": 16, "sha1": 32, "ripemd160": 32, "sha224": 32, "sha256": 32, "sha384": 64, "sha512": 64, "sha3-256": 32,
    "sha3-512": 64, "blake2b-256": 32, "blake2b-512": 64, "blake2s-256": 32, "whirlpool": 64,
  ]

  /// Each level has a hash for each block of the level below it, down to the data. The top level has one block, whose
  /// hash is the root hash.
  private static func treeBlocks(of dataBlocks: UInt64, perBlock: UInt64) -> UInt64 {
    guard perBlock > 1 else { return 0 }
    var (level, total) = (dataBlocks, UInt64(0))
    while level > 1 {
      level = (level - 1) / perBlock + 1
      total = total.addingSaturated(level)
    }
    return total
  }
}
