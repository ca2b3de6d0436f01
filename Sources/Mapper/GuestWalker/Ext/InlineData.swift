/// Finds the bytes of a file that ext4 stores in its inode (`inline_data`).
///
/// The first 60 bytes are in `i_block`, in place of the block list. The rest is the value of an extended attribute
/// in the inode, `system.data`. Layout: the kernel's documentation of ext4, "Index Nodes", "Inline Data" and
/// "Extended Attributes".
enum InlineData {
  /// The offset of the block list (`i_block`) in an inode, and its size in bytes.
  static let listOffset = 40
  static let listBytes = 60

  /// Offset of the inode's extra fields, which start with their own size.
  private static let extraOffset = 128
  private static let magic = 0xea02_0000
  private static let entryBytes = 16
  /// The name index of attributes whose names start with `system.`.
  private static let systemIndex = 7

  /// The range in the inode of the file's bytes after the first 60; nil if there are none or the attributes are
  /// malformed.
  static func rest(in inode: [UInt8]) -> Range<Int>? {
    guard let extra = number(inode, at: extraOffset, bytes: 2),
      number(inode, at: extraOffset + extra, bytes: 4) == magic
    else { return nil }
    let first = extraOffset + extra + 4
    var offset = first
    while let mark = number(inode, at: offset, bytes: 4), mark != 0,
      let nameLength = number(inode, at: offset, bytes: 1),
      let index = number(inode, at: offset + 1, bytes: 1), let value = number(inode, at: offset + 2, bytes: 2),
      let otherInode = number(inode, at: offset + 4, bytes: 4), let size = number(inode, at: offset + 8, bytes: 4)
    {
      let name = offset + entryBytes..<offset + entryBytes + nameLength
      guard name.upperBound <= inode.count else { return nil }
      if index == systemIndex, inode[name].elementsEqual("data".utf8) {
        guard otherInode == 0, size > 0, first + value + size <= inode.count else { return nil }
        return first + value..<first + value + size
      }
      offset = (name.upperBound + 3) / 4 * 4
    }
    return nil
  }

  private static func number(_ bytes: [UInt8], at offset: Int, bytes count: Int) -> Int? {
    guard offset <= bytes.count - count else { return nil }
    return bytes[offset..<offset + count].reversed().reduce(0) { $0 << 8 | Int($1) }
  }
}
