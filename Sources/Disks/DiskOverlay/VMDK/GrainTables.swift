import DiskImage
import SystemPackage

/// Where the grain tables are in the file, and how to write them.
struct GrainTables: Sendable {
  static let entriesPerTable = Int(SparseImage.entriesPerTable)
  /// The size of a table, in bytes.
  static let bytes = UInt64(entriesPerTable * 4)

  /// The sector of each table: first for the primary tables, then for their copies, if there are any.
  let sectors: [[UInt32]]

  /// Writes entries to the tables and their copies.
  /// - Parameter new: sorted by grain.
  func write(_ new: [NewGrains.Entry], in file: StoredFile) throws(DiskError) {
    // Write the copies first, so that they contain everything that is in the primary tables.
    for copy in sectors.reversed() {
      var start = 0
      while start < new.count {
        var end = start + 1
        while end < new.count, new[end].grain == new[end - 1].grain + 1,
          Int(new[end].grain) % Self.entriesPerTable != 0
        { end += 1 }
        let grain = Int(new[start].grain)
        let offset = UInt64(copy[grain / Self.entriesPerTable]) * 512 + UInt64(grain % Self.entriesPerTable * 4)
        try new[start..<end].map { $0.entry.littleEndian }.withBytes { (bytes) throws(DiskError) in
          try file.write(bytes, at: offset)
        }
        start = end
      }
    }
  }

  /// Rewrites the copy of a table.
  func rewriteCopy(of table: Int, from entries: GrainEntries, in file: StoredFile) throws(DiskError) {
    guard let copy = sectors.dropFirst().first else { return }
    let first = table * Self.entriesPerTable
    let words = (first..<min(first + Self.entriesPerTable, entries.count)).map { entries[$0].littleEndian }
    try words.withBytes { (bytes) throws(DiskError) in try file.write(bytes, at: UInt64(copy[table]) * 512) }
  }
}
