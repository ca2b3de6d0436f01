import SystemPackage

/// Writes ESX sparse extents (`COWD`), which `vmfsSparse` disks and old snapshots consist of.
struct COWDWriter {
  /// Whether the disk was not closed cleanly.
  var unclean = false
  /// The first sector of tables and grains; by default right after the directory.
  var firstTable: UInt64 = 0
  static let entriesPerTable: UInt64 = 4096

  /// Locations in the written file, in sectors.
  struct Layout {
    var directory: UInt64 = 4
    var tables: [UInt64: UInt64] = [:]
    var grains: [UInt64: UInt64] = [:]
    var length: UInt64 = 0
  }

  @discardableResult
  func write(_ plan: GrainPlan, _ workspace: Workspace, _ name: String) throws -> Layout {
    let file = try ImageFile(workspace, name)
    var layout = Layout()
    let tableCount = (plan.count + Self.entriesPerTable - 1) / Self.entriesPerTable
    var next = max(firstTable, layout.directory + roundUp(tableCount * 4, to: 512) / 512)
    var directory = [UInt32](repeating: 0, count: Int(tableCount))
    var entries: [UInt64: [UInt32]] = [:]
    for index in plan.stored.reversed() {
      let table = index / Self.entriesPerTable
      if layout.tables[table] == nil {
        layout.tables[table] = next
        directory[Int(table)] = UInt32(next)
        entries[table] = [UInt32](repeating: 0, count: Int(Self.entriesPerTable))
        next += Self.entriesPerTable * 4 / 512
      }
      try file.put(plan.bytes(index), atSector: next)
      layout.grains[index] = next
      entries[table]?[Int(index % Self.entriesPerTable)] = UInt32(next)
      next += plan.grain / 512
    }
    layout.length = next
    for (table, list) in entries {
      if let sector = layout.tables[table] { try file.put(littleEndian(list), atSector: sector) }
    }
    try file.put(littleEndian(directory), atSector: layout.directory)

    var header = Array("COWD".utf8)
    for field: UInt64 in [1, 3, plan.sectors, plan.grain / 512, layout.directory, tableCount, next] {
      header.add(UInt32(field))
    }
    // The geometry, which is stored here if the disk has no parent.
    for field: UInt64 in [max(1, min(65535, plan.sectors / 1008)), 16, 63] { header.add(UInt32(field)) }
    header = header.padded(to: 2048)
    if unclean { header[1648] = 1 }
    try file.put(header, at: 0)
    try file.finish(sectors: next)
    return layout
  }
}
