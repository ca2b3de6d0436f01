extension SectorSize {
  /// Finds out in which sectors a disk's partition table counts.
  ///
  /// The table itself says it: a GUID partition table is in sector 1. A master boot record is the same in both; there it is
  /// what its entries lead to. 512 unless 4096 clearly fits.
  /// - Parameter declared: what the image's format says.
  package static func detect(_ bytes: TableBytes, declared: SectorSize?) -> SectorSize {
    func hasHeader(_ size: SectorSize, _ sector: UInt64) -> Bool {
      bytes.sector(sector, size).flatMap { GPTTable.Header($0, at: sector) } != nil
    }
    let mbr = bytes.bytes(at: 0, count: MBRTable.size).flatMap { MBRTable($0) }
    // Behind a record of partitions, a GUID partition table is one that was there before.
    if let mbr, !mbr.isProtective, !mbr.entries.isEmpty {
      return declared ?? (mbr.isOf4096(bytes) ? .bytes4096 : .bytes512)
    }
    if let size = allCases.first(where: { hasHeader($0, 1) }) { return size }
    // A header whose checksum is wrong is still in its place.
    func hasSignature(_ size: SectorSize) -> Bool { bytes.sector(1, size)?.starts(with: GPTTable.signature) ?? false }
    if let size = allCases.first(where: hasSignature) { return size }
    if let size = allCases.first(where: { bytes.size >= $0.bytes && hasHeader($0, bytes.size / $0.bytes - 1) }) {
      return size
    }
    return declared ?? .bytes512
  }
}

extension MBRTable {
  /// Whether all entries fit the disk with sectors of 4096 bytes, and lead to something with these only.
  fileprivate func isOf4096(_ bytes: TableBytes) -> Bool {
    let large = SectorSize.bytes4096.bytes
    // Entry 1 of an image for hybrid boot may be the whole disk, where both sizes lead to the same.
    let telling = entries.filter { $0.start > 0 }
    guard !telling.isEmpty, entries.allSatisfy({ ($0.start + $0.count) * large <= bytes.size }) else { return false }
    func leads(_ entry: Entry, _ size: SectorSize) -> Bool {
      let start = entry.start * size.bytes
      return entry.isExtended
        ? bytes.bytes(at: start, count: Self.size).map { MBRTable($0)?.entries.isEmpty == false } ?? false
        : KnownContent.begins(at: start, in: bytes)
    }
    return telling.contains { leads($0, .bytes4096) } && !telling.contains { leads($0, .bytes512) }
  }
}
