extension SectorSize {
  /// Detects the sector size that a disk's partition table uses.
  ///
  /// A GUID partition table tells by its location, because it starts in sector 1. An MBR looks the same with both
  /// sizes, so this checks what its entries point to. The result is 512 unless 4096 clearly fits.
  /// - Parameter declared: the sector size that the image's format declares, if any. Only a GUID partition table
  ///   overrides it.
  package static func detect(_ bytes: TableBytes, declared: SectorSize?) -> SectorSize {
    func hasHeader(_ size: SectorSize, _ sector: UInt64) -> Bool {
      bytes.sector(sector, size).flatMap { GPTTable.Header($0, at: sector) } != nil
    }
    let mbr = bytes.bytes(at: 0, count: MBRTable.size).flatMap { MBRTable($0) }
    // If the MBR has partitions of its own, a GUID partition table is left over from earlier use.
    if let mbr, !mbr.isProtective, !mbr.entries.isEmpty {
      return declared ?? (mbr.isOf4096(bytes) ? .bytes4096 : .bytes512)
    }
    if let size = allCases.first(where: { hasHeader($0, 1) }) { return size }
    // A header with a wrong checksum is still in the right sector.
    func hasSignature(_ size: SectorSize) -> Bool { bytes.sector(1, size)?.starts(with: GPTTable.signature) ?? false }
    if let size = allCases.first(where: hasSignature) { return size }
    if let size = allCases.first(where: { bytes.size >= $0.bytes && hasHeader($0, bytes.size / $0.bytes - 1) }) {
      return size
    }
    return declared ?? .bytes512
  }
}

extension MBRTable {
  /// Whether all entries fit on the disk with 4096-byte sectors, and point to known content only with these.
  fileprivate func isOf4096(_ bytes: TableBytes) -> Bool {
    let large = SectorSize.bytes4096.bytes
    // In hybrid boot images, entry 1 may be the whole disk. It starts at sector 0, which is the same with both
    // sizes.
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
