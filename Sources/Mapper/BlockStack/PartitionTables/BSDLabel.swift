import Bytes

/// A BSD disklabel of a whole disk; see disklabel(5) of the BSDs. The kernel itself finds a label inside a
/// partition.
package struct BSDLabel {
  private static let magic: [UInt8] = [0x57, 0x45, 0x56, 0x82]
  /// The possible offsets of the label, in bytes: 512 on i386 and others, 64 on Alpha and others.
  private static let offsets: [UInt64] = [512, 64]
  private static let headerSize = 148
  private static let entrySize = 16
  private static let maximumPartitions = 22

  /// The partitions that are in use.
  private let partitions: [DiskTable.Partition]
  private let offset: UInt64
  private let size: Int

  package static func find(in bytes: TableBytes, _ mbr: MBRTable?) -> BSDLabel? {
    // If the MBR has partitions, the label is in one of them. FreeBSD's "dangerously dedicated" disks are different:
    // their single entry starts at sector 0 and is only there for the BIOS.
    guard mbr.map({ $0.entries.isEmpty || $0.isDedicated }) ?? true else { return nil }
    return offsets.lazy.compactMap { BSDLabel(bytes, at: $0) }.first
  }

  private init?(_ bytes: TableBytes, at offset: UInt64) {
    guard let header = bytes.bytes(at: offset, count: Self.headerSize), header.has(Self.magic, at: 0),
      header.has(Self.magic, at: 132)
    else { return nil }
    let count = Int(header.little(at: 138, width: 2))
    let sector = header.little(at: 40, width: 4)
    guard (1...Self.maximumPartitions).contains(count), [512, 1024, 2048, 4096].contains(sector),
      let all = bytes.bytes(at: offset, count: Self.headerSize + count * Self.entrySize)
    else { return nil }
    // The label is valid if the XOR of all its 16-bit words is zero.
    let sum = stride(from: 0, to: all.count, by: 2).reduce(UInt64(0)) { $0 ^ all.little(at: $1, width: 2) }
    guard sum == 0 else { return nil }
    self.offset = offset
    size = all.count
    partitions = (0..<count).compactMap { index in
      let entry = Self.headerSize + index * Self.entrySize
      let length = all.little(at: entry, width: 4)
      // Unused entries have type 0, often including the one for the whole disk.
      guard length > 0, all[entry + 12] != 0 else { return nil }
      let start = all.little(at: entry + 4, width: 4) * sector
      return DiskTable.Partition(number: index + 1, range: start..<start + length * sector)
    }
  }

  package func table(_ mbr: MBRTable?) -> DiskTable {
    var table = DiskTable(kind: .bsd, partitions: partitions)
    if let mbr, mbr.isDedicated {
      table.replacesKernels = true
      // The kernel numbers the partitions inside an MBR entry from 5.
      for index in table.partitions.indices { table.partitions[index].number = 5 + index }
    }
    if offset >= UInt64(MBRTable.size) { table.areas.add("boot block", at: 0, count: offset, kind: .boot) }
    table.areas.add("BSD label", at: offset, count: UInt64(size), kind: .boot)
    return table
  }
}

extension MBRTable {
  /// Whether this is the MBR of a FreeBSD disk that is BSD's from its first sector.
  fileprivate var isDedicated: Bool { entries.count == 1 && entries[0].type == 0xa5 && entries[0].start == 0 }
}
