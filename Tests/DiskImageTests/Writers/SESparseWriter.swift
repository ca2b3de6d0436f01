import SystemPackage

/// Writes ESX space-efficient sparse extents (`seSparse`), as observed by their first open source reader.
struct SESparseWriter {
  /// Nonzero if the journal must be replayed into the tables.
  var replayJournal: UInt64 = 0
  /// The number of the first stored grain in the grain area. Numbers above 4,095 use all bits of an entry.
  var firstGrain: UInt64 = 0
  static let grain: UInt64 = 4096
  static let entriesPerTable: UInt64 = 4096
  static let tableSectors: UInt64 = 64

  /// Locations in the written file, in sectors.
  struct Layout {
    var directory: UInt64 = 0
    var tablesStart: UInt64 = 0
    /// By the table's index in the directory.
    var tables: [UInt64: UInt64] = [:]
    var grains: [UInt64: UInt64] = [:]
    var length: UInt64 = 0
  }

  @discardableResult
  func write(_ plan: GrainPlan, _ workspace: Workspace, _ name: String) throws -> Layout {
    precondition(plan.grain == Self.grain)
    let file = try ImageFile(workspace, name)
    var layout = Layout()
    let used = Set(plan.indexes.map { $0 / Self.entriesPerTable }).sorted()
    let tableCount = (plan.count + Self.entriesPerTable - 1) / Self.entriesPerTable

    var next: UInt64 = 0
    func area(_ sectors: UInt64) -> (start: UInt64, length: UInt64) {
      let start = next
      // Every area starts at a grain boundary.
      next = roundUp(next + sectors, to: 8)
      return (start, next - start)
    }
    _ = area(1)
    let volatileHeader = area(1)
    let journalHeader = area(2)
    let journal = area(2048)
    let directory = area(roundUp(tableCount * 8, to: 512) / 512)
    let tables = area(max(1, UInt64(used.count)) * Self.tableSectors)
    let freeBitmap = area(8)
    let backmap = area(8)
    let grains = area((firstGrain + max(1, UInt64(plan.stored.count))) * 8)

    layout.directory = directory.start
    layout.tablesStart = tables.start
    for (position, index) in plan.stored.reversed().enumerated() {
      let sector = grains.start + (firstGrain + UInt64(position)) * 8
      layout.grains[index] = sector
      try file.put(plan.bytes(index), atSector: sector)
    }
    for (position, table) in used.reversed().enumerated() {
      let first = table * Self.entriesPerTable
      let entries = (first..<(first + Self.entriesPerTable)).map { index -> UInt64 in
        switch plan.states[index] {
        case .data: Self.entry(((layout.grains[index] ?? 0) - grains.start) / 8)
        // Both kinds of zeros: unmapped and zeroed.
        case .zero: index % 2 == 0 ? 0x1000_0000_0000_0000 : 0x2000_0000_0000_0000
        case .unallocated, nil: 0
        }
      }
      layout.tables[table] = tables.start + UInt64(position) * Self.tableSectors
      try file.put(littleEndian(entries), atSector: tables.start + UInt64(position) * Self.tableSectors)
      let pointer: UInt64 = 0x1000_0000_0000_0000 | UInt64(position)
      try file.put(littleEndian([pointer]), at: directory.start * 512 + table * 8)
    }

    var header = littleEndian(
      [
        0xcafe_babe, 0x2_0000_0001, plan.sectors, 8, Self.tableSectors, 0, 0, 0, 0, 0,
      ] as [UInt64])
    for part in [volatileHeader, journalHeader, journal, directory, tables, freeBitmap, backmap, grains] {
      header.add(part.start)
      header.add(part.length)
    }
    try file.put(header.paddedToSector, at: 0)
    let state = littleEndian([0xcafe_cafe, 0, 0, replayJournal] as [UInt64])
    try file.put(state.paddedToSector, atSector: volatileHeader.start)
    layout.length = next
    try file.finish(sectors: next)
    return layout
  }

  /// The table entry of an allocated grain.
  static func entry(_ grain: UInt64) -> UInt64 {
    0x3000_0000_0000_0000 | (grain & 0xfff) << 48 | grain >> 12
  }
}
