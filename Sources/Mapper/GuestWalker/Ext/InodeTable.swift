import Glibc

/// Reads inodes of ext4 from the filesystem's device.
struct InodeTable {
  private static let superblock = 1024
  private static let block: UInt64 = 4096

  private let device: Int32
  /// In bytes; a power of two from 256 to 4096.
  private let inodeSize: UInt64

  /// - Parameter device: open for direct reads.
  /// - Returns: nil if inodes have no room for attributes or are larger than 4096 bytes.
  init?(device: Int32) {
    // s_inode_size.
    guard let bytes = Self.read(device, at: 0),
      case let size = UInt64(bytes[Self.superblock + 88]) | UInt64(bytes[Self.superblock + 89]) << 8,
      (256...Self.block).contains(size), size.nonzeroBitCount == 1
    else { return nil }
    self.device = device
    inodeSize = size
  }

  /// The range on the device of an inline file's bytes after the first 60.
  /// - Parameter first: where the first 60 bytes are on the device.
  func rest(behind first: UInt64) -> Range<UInt64>? {
    guard first >= InlineData.listOffset, first < 1 << 62 else { return nil }
    let start = first - UInt64(InlineData.listOffset)
    guard start % inodeSize == 0, let bytes = Self.read(device, at: start / Self.block * Self.block) else { return nil }
    let offset = Int(start % Self.block)
    guard let range = InlineData.rest(in: Array(bytes[offset..<offset + Int(inodeSize)])) else { return nil }
    return start + UInt64(range.lowerBound)..<start + UInt64(range.upperBound)
  }

  private static func read(_ device: Int32, at offset: UInt64) -> [UInt8]? {
    let buffer = AlignedBuffer(size: Int(block)).bytes
    defer { buffer.deallocate() }
    guard pread(device, buffer.baseAddress, buffer.count, off_t(offset)) == buffer.count else { return nil }
    return Array(buffer)
  }
}
