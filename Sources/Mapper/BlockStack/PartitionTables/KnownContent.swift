import Bytes

/// Recognizes the start of a filesystem, swap space, an encrypted device or a member of a volume by its signature.
package enum KnownContent {
  /// The signatures and their offsets from the start of the content, in bytes.
  private static let signatures: [(offset: Int, bytes: [UInt8])] = [
    (0x438, [0x53, 0xef]),  // ext2, ext3, ext4
    (0, Array("XFSB".utf8)),
    (0, Array("hsqs".utf8)),  // squashfs
    (0, Array("LUKS".utf8) + [0xba, 0xbe]),
    (0, Array("SKUL".utf8)),
    (3, Array("NTFS    ".utf8)), (3, Array("EXFAT   ".utf8)), (3, Array("-FVE-FS-".utf8)),
    (54, Array("FAT".utf8)), (82, Array("FAT32   ".utf8)),
    (0x1000, [0xfc, 0x4e, 0x2b, 0xa9]), (0, [0xfc, 0x4e, 0x2b, 0xa9]),  // md members
    (512, Array("LABELONE".utf8)), (0, Array("LABELONE".utf8)),  // LVM
    (4086, Array("SWAPSPACE2".utf8)),
    (0x400, [0x10, 0x20, 0xf5, 0xf2]),  // F2FS
    (0x400, Array("H+".utf8)), (0x400, Array("HX".utf8)),
    (0x1_0040, Array("_BHRfS_M".utf8)),
    (0x1_0034, Array("ReIsErFs".utf8)), (0x1_0034, Array("ReIsEr2Fs".utf8)),
    (0x8001, Array("CD001".utf8)),
  ]

  /// How much of the content is read, in bytes.
  private static let window = 0x1_0100

  /// Whether known content starts at this offset of the disk.
  package static func begins(at start: UInt64, in bytes: TableBytes) -> Bool {
    let room = bytes.size > start ? min(UInt64(window), bytes.size - start) : 0
    guard let content = bytes.bytes(at: start, count: Int(room)) else { return false }
    return signatures.contains { content.has($0.bytes, at: $0.offset) }
  }
}
