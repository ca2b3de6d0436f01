import Bytes

/// The private header of a Windows dynamic disk (LDM) with a master boot record. It says where the database with the
/// volumes of the disk's group is, at the end of the disk. (linux-ntfs.org, "LDM documentation", "PRIVHEAD".)
package struct LDMHeader {
  /// In bytes of the disk.
  package let database: Range<UInt64>

  private static let partitionType: UInt8 = 0x42
  /// The header is in this sector. Disks with a master boot record have sectors of this size.
  private static let sectorNumber: UInt64 = 6
  private static let sector: UInt64 = 512

  /// Nil if this is not a dynamic disk, or its header cannot be right.
  package init?(_ bytes: TableBytes, _ mbr: MBRTable) {
    guard mbr.entries.contains(where: { $0.type == Self.partitionType }),
      let header = bytes.bytes(at: Self.sectorNumber * Self.sector, count: Int(Self.sector)),
      header.has(Array("PRIVHEAD".utf8), at: 0),
      let start = header.big(at: 0x12b, width: 8).times(Self.sector),
      let length = header.big(at: 0x133, width: 8).times(Self.sector), length > 0,
      let end = start.plus(length), end <= bytes.size
    else { return nil }
    database = start..<end
  }
}
