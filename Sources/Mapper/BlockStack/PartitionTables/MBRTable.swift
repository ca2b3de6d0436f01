import Bytes

/// The partition table in a master boot record, and the chain of extended boot records that follows from it. For the
/// entries, see the UEFI Specification, "Legacy Master Boot Record".
package struct MBRTable {
  package struct Entry: Equatable {
    /// From 1.
    package var number: Int
    package var type: UInt8
    /// In sectors.
    package var start: UInt64
    package var count: UInt64

    package var isExtended: Bool { [0x05, 0x0f, 0x85].contains(type) }
  }

  /// In bytes, whatever the sector size.
  package static let size = 512
  private static let firstEntry = 446
  private static let entrySize = 16
  /// More logical partitions than the kernel gives names to.
  private static let maximumLinks = 256

  /// The entries that are in use.
  package let entries: [Entry]

  /// Nil if the sector has no table, but for example boot loader code or the start of a filesystem.
  package init?(_ sector: [UInt8]) {
    guard sector.has([0x55, 0xaa], at: 510) else { return nil }
    var entries: [Entry] = []
    for index in 0..<4 {
      let offset = Self.firstEntry + index * Self.entrySize
      guard sector[offset] & 0x7f == 0 else { return nil }
      let entry = Entry(
        number: index + 1, type: sector[offset + 4], start: sector.little(at: offset + 8, width: 4),
        count: sector.little(at: offset + 12, width: 4))
      if entry.count > 0 { entries.append(entry) }
    }
    self.entries = entries
  }

  /// Whether this is the protective MBR of a GUID partition table.
  package var isProtective: Bool { entries.contains { $0.type == 0xee } }

  package func table(_ bytes: TableBytes, _ sectorSize: SectorSize) -> DiskTable {
    var table = DiskTable(kind: .mbr)
    for entry in entries where entry.type != 0xee {
      let start = entry.start * sectorSize.bytes
      table.partitions.append(
        DiskTable.Partition(
          number: entry.number, range: start..<start + entry.count * sectorSize.bytes, isExtended: entry.isExtended))
      if entry.isExtended, let broken = brokenLink(of: entry, bytes, sectorSize) {
        table.damage.append(
          DiskTable.Damage(
            text: "the list of logical partitions in partition \(entry.number) is broken at sector \(broken)",
            isLoss: true))
      }
    }
    return table
  }

  /// The sector where the chain of extended boot records is broken; nil if it is intact.
  private func brokenLink(of extended: Entry, _ bytes: TableBytes, _ sectorSize: SectorSize) -> UInt64? {
    var sector = extended.start
    var seen: Set<UInt64> = []
    while seen.count < Self.maximumLinks {
      guard seen.insert(sector).inserted,
        let record = bytes.bytes(at: sector * sectorSize.bytes, count: Self.size).flatMap({ MBRTable($0) })
      else { return sector }
      // The extended entry of a record links to the next record.
      guard let link = record.entries.first(where: \.isExtended) else { return nil }
      sector = extended.start + link.start
    }
    return sector
  }
}
