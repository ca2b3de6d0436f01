import SystemPackage

/// Writes hosted sparse extents (`KDMV`) as described in VMware's technical note, with the data after the grain
/// directories and their tables.
struct HostedWriter {
  var version: UInt32 = 1
  var entriesPerTable: UInt64 = 512
  /// Whether there is a redundant directory with its own tables.
  var redundant = true
  /// Nil for an extent whose descriptor is in another file.
  var descriptor: String?
  /// Whether directories omit tables without any entries.
  var omitsEmptyTables = false
  /// The first sector of grains; by default right after the tables.
  var firstGrain: UInt64 = 0
  /// Whether the disk was not closed cleanly.
  var unclean = false
  static let descriptorSectors: UInt64 = 20

  /// Locations in the written file, in sectors.
  struct Layout {
    var directory: UInt64 = 0
    var redundantDirectory: UInt64?
    /// The tables of the first directory, by index.
    var tables: [UInt64: UInt64] = [:]
    var redundantTables: [UInt64: UInt64] = [:]
    /// The stored grains, by index.
    var grains: [UInt64: UInt64] = [:]
    var length: UInt64 = 0
  }

  @discardableResult
  func write(_ plan: GrainPlan, _ workspace: Workspace, _ name: String) throws -> Layout {
    let file = try ImageFile(workspace, name)
    var layout = Layout()
    let tableCount = (plan.count + entriesPerTable - 1) / entriesPerTable
    let tableSectors = roundUp(entriesPerTable * 4, to: 512) / 512
    let used = Set(plan.indexes.map { $0 / entriesPerTable })

    var next: UInt64 = 1
    if let descriptor {
      try file.put(Array(descriptor.utf8), atSector: 1)
      next += Self.descriptorSectors
    }
    func putDirectory() throws -> (UInt64, [UInt64: UInt64]) {
      let sector = next
      next += roundUp(tableCount * 4, to: 512) / 512
      var tables: [UInt64: UInt64] = [:]
      var directory = [UInt32](repeating: 0, count: Int(tableCount))
      for table in 0..<tableCount where !omitsEmptyTables || used.contains(table) {
        directory[Int(table)] = UInt32(next)
        tables[table] = next
        next += tableSectors
      }
      try file.put(littleEndian(directory), atSector: sector)
      return (sector, tables)
    }
    if redundant { (layout.redundantDirectory, layout.redundantTables) = try putDirectory() }
    (layout.directory, layout.tables) = try putDirectory()

    let grainSectors = plan.grain / 512
    next = max(firstGrain, roundUp(next, to: grainSectors))
    let overhead = next
    // In reverse order, to detect readers that assume that adjacent grains are adjacent in the file.
    for index in plan.stored.reversed() {
      layout.grains[index] = next
      try file.put(plan.bytes(index), atSector: next)
      next += grainSectors
    }
    layout.length = next
    for table in used.sorted() {
      let first = table * entriesPerTable
      let entries = (first..<(first + entriesPerTable)).map { index -> UInt32 in
        plan.states[index] == .zero ? 1 : UInt32(layout.grains[index] ?? 0)
      }
      for sector in [layout.tables[table], layout.redundantTables[table]] {
        if let sector { try file.put(littleEndian(entries), atSector: sector) }
      }
    }

    let hasZeros = plan.states.values.contains(.zero)
    var header = SparseWriter(capacity: plan.sectors)
    header.version = version
    header.flags = 1 | (redundant ? 2 : 0) | (hasZeros ? 4 : 0)
    header.grainSectors = grainSectors
    header.descriptorSector = descriptor == nil ? 0 : 1
    header.descriptorSectors = descriptor == nil ? 0 : Self.descriptorSectors
    header.entriesPerTable = UInt32(entriesPerTable)
    header.redundantDirectory = layout.redundantDirectory ?? 0
    header.directory = layout.directory
    header.overhead = overhead
    header.unclean = unclean ? 1 : 0
    try file.put(header.header, at: 0)
    try file.finish(sectors: next)
    return layout
  }
}
