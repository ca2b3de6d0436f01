import DiskImage
import Glibc
import SystemPackage

/// Reads the grain directories and tables of an existing snapshot, and checks that it is safe to write: no grain may
/// overlap another grain, or a table.
struct TableReader {
  let image: SparseImage
  let file: StoredFile
  /// The length of the file, in bytes.
  let length: UInt64

  private static let sector: UInt64 = 512

  /// The result of reading the tables.
  struct Found {
    let tables: GrainTables
    let entries: GrainEntries
    /// The tables whose copies differ from them, which a crash can cause.
    var staleCopies: [Int] = []
    /// The sector of the next new grain.
    var next: UInt64
  }

  func read() throws(DiskError) -> Found {
    let tables = GrainTables(
      sectors: try image.directories.map { (offset) throws(DiskError) in try directory(at: offset) })
    let metadataEnd = try checkRanges(of: tables)
    let grains = Int((image.size + image.grainBytes - 1) / image.grainBytes)
    let step = image.grainBytes / Self.sector
    var found = Found(
      tables: tables, entries: try GrainEntries(count: grains, path: file.path),
      next: (metadataEnd / Self.sector + step - 1) / step * step)
    var locations = GrainLocations(after: metadataEnd, image: image, file: file, length: length)
    let tableCount = (grains + GrainTables.entriesPerTable - 1) / GrainTables.entriesPerTable
    for table in 0..<tableCount {
      let first = table * GrainTables.entriesPerTable
      let count = min(GrainTables.entriesPerTable, grains - first)
      let offset = UInt64(tables.sectors[0][table]) * Self.sector
      let entries = try numbers(at: offset, count: count)
      for (index, entry) in entries.enumerated() where entry != GrainEntries.absent {
        try locations.add(entry, of: first + index, saidAt: offset + UInt64(index * 4))
        found.entries[first + index] = entry
      }
      if tables.sectors.count > 1 {
        let copy = try numbers(at: UInt64(tables.sectors[1][table]) * Self.sector, count: count)
        if copy != entries { found.staleCopies.append(table) }
      }
    }
    found.next = locations.next ?? found.next
    return found
  }

  /// The sectors of the tables, all of which must lie within the file.
  private func directory(at start: UInt64) throws(DiskError) -> [UInt32] {
    let entries = try numbers(at: start, count: Int(image.tables))
    for (table, entry) in entries.enumerated() {
      let offset = start + UInt64(table * 4)
      guard entry != 0 else {
        throw DiskError(
          file.path, "has no grain table for the grain directory's entry at offset \(offset): it cannot be written",
          errno: ENOTSUP)
      }
      guard UInt64(entry) * Self.sector + GrainTables.bytes <= length else {
        throw DiskError(
          file.path,
          "the grain directory's entry at offset \(offset) is sector \(entry), but the file has \(length) "
            + "bytes: it was truncated or is damaged", errno: EIO)
      }
    }
    return entries
  }

  /// - Returns: the offset of the end of the last header, descriptor, directory or table, in bytes.
  private func checkRanges(of tables: GrainTables) throws(DiskError) -> UInt64 {
    var ranges = [0..<Self.sector, image.descriptor]
    for directory in image.directories { ranges.append(directory..<directory + image.tables * 4) }
    for sector in tables.sectors.joined() {
      ranges.append(UInt64(sector) * Self.sector..<UInt64(sector) * Self.sector + GrainTables.bytes)
    }
    ranges.sort { $0.lowerBound < $1.lowerBound }
    var end: UInt64 = 0
    for range in ranges {
      guard range.lowerBound >= end else {
        throw DiskError(
          file.path, "a grain table or directory at offset \(range.lowerBound) overlaps another: the file is damaged",
          errno: EIO)
      }
      end = range.upperBound
    }
    return end
  }

  private func numbers(at offset: UInt64, count: Int) throws(DiskError) -> [UInt32] {
    var numbers = [UInt32](repeating: 0, count: count)
    try numbers.withMutableBytes { (bytes) throws(DiskError) in try file.read(into: bytes, at: offset) }
    return numbers.map(UInt32.init(littleEndian:))
  }
}

/// The locations of the grains in a file. No two may overlap.
private struct GrainLocations {
  private let metadataEnd: UInt64
  private let image: SparseImage
  private let file: StoredFile
  private let length: UInt64
  private let step: UInt64
  /// The offset of every grain modulo the grain size, in sectors; `nil` before the first grain.
  private var phase: UInt64?
  /// One bit for each possible location of a grain: 4 MiB for 2 TiB of 64 KiB grains.
  private var used: [UInt64]
  /// The sector after the last grain; `nil` if there are no grains.
  private(set) var next: UInt64?

  init(after metadataEnd: UInt64, image: SparseImage, file: StoredFile, length: UInt64) {
    self.metadataEnd = metadataEnd
    self.image = image
    self.file = file
    self.length = length
    step = image.grainBytes / 512
    let maximum = min(length / 512, UInt64(UInt32.max)) / step
    used = [UInt64](repeating: 0, count: Int(maximum / 64) + 1)
  }

  /// - Parameter offset: the offset of the entry in the file, for messages.
  mutating func add(_ entry: UInt32, of grain: Int, saidAt offset: UInt64) throws(DiskError) {
    if entry == GrainEntries.zeroed, image.hasZeroedGrains { return }
    let sector = UInt64(entry)
    func wrong(_ what: String) -> DiskError {
      DiskError(
        file.path, "the grain table's entry at offset \(offset) is sector \(entry), \(what): it cannot be written",
        errno: EIO)
    }
    // The last grain needs to be in the file only up to the end of the disk.
    let needed = min(image.grainBytes, image.size - UInt64(grain) * image.grainBytes)
    guard sector * 512 >= metadataEnd else { throw wrong("where the file's tables are") }
    guard sector * 512 + needed <= length else {
      throw wrong("but the file has \(length) bytes; it was truncated or is damaged")
    }
    if phase == nil { phase = sector % step }
    guard sector % step == phase else { throw wrong("which is not in line with the other grains") }
    let slot = Int(sector / step)
    guard used[slot / 64] >> UInt64(slot % 64) & 1 == 0 else { throw wrong("where another grain is") }
    used[slot / 64] |= 1 << UInt64(slot % 64)
    next = max(next ?? 0, sector + step)
  }
}
