import Bytes

/// A GUID partition table; see the UEFI Specification, "GUID Partition Table (GPT) Disk Layout".
package enum GPTTable {
  package static let signature = Array("EFI PART".utf8)

  /// A header with a valid checksum, in the sector where it says it is. Locations are sector numbers.
  package struct Header {
    private static let minimumSize = 92
    private static let minimumEntry = 128
    private static let maximumEntry = 4096

    package let alternate: UInt64
    /// The first and last sectors that partitions may use.
    package let firstUsable: UInt64
    package let lastUsable: UInt64
    package let tableStart: UInt64
    package let entryCount: UInt64
    /// In bytes.
    package let entrySize: Int
    package let tableChecksum: UInt32

    package init?(_ sector: [UInt8], at number: UInt64) {
      guard sector.starts(with: GPTTable.signature) else { return nil }
      let size = Int(sector.little(at: 12, width: 4))
      guard (Self.minimumSize...sector.count).contains(size) else { return nil }
      let blank = sector[..<16] + [0, 0, 0, 0] + sector[20..<size]
      guard UInt64(CRC32.ieee.checksum(blank)) == sector.little(at: 16, width: 4),
        sector.little(at: 24, width: 8) == number
      else { return nil }
      alternate = sector.little(at: 32, width: 8)
      firstUsable = sector.little(at: 40, width: 8)
      lastUsable = sector.little(at: 48, width: 8)
      tableStart = sector.little(at: 72, width: 8)
      entryCount = sector.little(at: 80, width: 4)
      entrySize = Int(sector.little(at: 84, width: 4))
      tableChecksum = UInt32(truncatingIfNeeded: sector.little(at: 88, width: 4))
      guard (Self.minimumEntry...Self.maximumEntry).contains(entrySize), entrySize % 8 == 0 else { return nil }
    }
  }

  /// A header and its table.
  private struct Found {
    var header: Header
    var entries: [UInt8]
    /// Whether the entries match the header's checksum. A shortened table cannot be checked and counts as sound.
    var isSound: Bool
    /// Whether the header claims more entries than there is room for.
    var isShortened: Bool
  }

  /// More partitions than the kernel gives names to.
  private static let maximumPartitions = 1024
  /// The maximum size of a table in bytes; the kernel reads no larger one either.
  private static let maximumTableBytes: UInt64 = 4 << 20

  /// Finds the primary table. If that is damaged, uses a sound backup; without one, the damaged table as it is. Nil
  /// if there is no table and no protective MBR.
  /// - Parameter isProtected: whether the MBR says that there is a GUID partition table.
  package static func find(in bytes: TableBytes, _ sectorSize: SectorSize, isProtected: Bool) -> DiskTable? {
    let last = bytes.size / sectorSize.bytes
    let primary = found(at: 1, in: bytes, sectorSize)
    var table: DiskTable
    if let primary, primary.isSound {
      table = self.table(primary, at: 1, sectorSize)
      if primary.header.lastUsable >= last {
        table.damage.append(
          DiskTable.Damage(text: "the disk ends before the table says, and its backup is missing", isLoss: false))
      }
    } else if let backup = last > 0 ? found(at: last - 1, in: bytes, sectorSize) : nil, backup.isSound {
      table = self.table(backup, at: last - 1, sectorSize)
      table.damage.append(DiskTable.Damage(text: "the backup at the disk's end is used", isLoss: false))
    } else if let primary {
      table = self.table(primary, at: 1, sectorSize)
      table.damage.append(
        DiskTable.Damage(text: "its checksum is wrong and there is no sound backup; it is used as it is", isLoss: true))
    } else if isProtected {
      // This may be left over if a filesystem was written to the disk later.
      return DiskTable(
        kind: .gpt, damage: [DiskTable.Damage(text: "there is no sound GUID partition table", isLoss: true)])
    } else {
      return nil
    }
    if !isProtected {
      table.damage.append(DiskTable.Damage(text: "the protective MBR is missing", isLoss: false))
    }
    return table
  }

  private static func found(at number: UInt64, in bytes: TableBytes, _ sectorSize: SectorSize) -> Found? {
    guard let sector = bytes.sector(number, sectorSize), let header = Header(sector, at: number) else { return nil }
    let wanted = header.entryCount * UInt64(header.entrySize)
    // The table is before the partitions or after them.
    let end =
      header.tableStart < header.firstUsable ? header.firstUsable : max(number, bytes.size / sectorSize.bytes)
    guard header.tableStart < end, let start = header.tableStart.times(sectorSize.bytes) else { return nil }
    let room = ((end - header.tableStart).times(sectorSize.bytes) ?? .max)
    let count = min(wanted, room, maximumTableBytes) / UInt64(header.entrySize) * UInt64(header.entrySize)
    guard count > 0 else {
      return wanted == 0 ? Found(header: header, entries: [], isSound: true, isShortened: false) : nil
    }
    guard let entries = bytes.bytes(at: start, count: Int(count)) else { return nil }
    let isShortened = count < wanted
    return Found(
      header: header, entries: entries, isSound: isShortened || CRC32.ieee.checksum(entries) == header.tableChecksum,
      isShortened: isShortened)
  }

  private static func table(_ found: Found, at number: UInt64, _ sectorSize: SectorSize) -> DiskTable {
    var table = DiskTable(kind: .gpt)
    let size = found.header.entrySize
    var invalid = 0
    for index in 0..<found.entries.count / size {
      let offset = index * size
      // An entry is unused if its type is all zeros.
      guard found.entries[offset..<offset + 16].contains(where: { $0 != 0 }) else { continue }
      let first = found.entries.little(at: offset + 32, width: 8)
      let last = found.entries.little(at: offset + 40, width: 8)
      guard first <= last, let start = first.times(sectorSize.bytes),
        let end = last.plus(1).flatMap({ $0.times(sectorSize.bytes) })
      else {
        invalid += 1
        continue
      }
      guard table.partitions.count < maximumPartitions else {
        table.damage.append(
          DiskTable.Damage(text: "only the first \(maximumPartitions) partitions are looked at", isLoss: true))
        break
      }
      table.partitions.append(DiskTable.Partition(number: index + 1, range: start..<end))
    }
    if invalid > 0 {
      table.damage.append(
        DiskTable.Damage(text: "entries without a valid range: \(invalid)", isLoss: true))
    }
    if found.isShortened {
      table.damage.append(
        DiskTable.Damage(
          text: "it claims \(found.header.entryCount) entries, and there is room for \(found.entries.count / size)",
          isLoss: false))
    }
    let isPrimary = number == 1
    table.areas.add("MBR", at: 0, count: UInt64(MBRTable.size), kind: .boot)
    table.areas.add(
      isPrimary ? "GPT header" : "backup GPT header", at: number * sectorSize.bytes, count: sectorSize.bytes,
      kind: .boot)
    table.areas.add(
      isPrimary ? "GPT table" : "backup GPT table", at: found.header.tableStart.times(sectorSize.bytes),
      count: UInt64(found.entries.count), kind: .boot)
    return table
  }
}
