import SystemPackage

/// Writes streamOptimized files as a stream: a marker before every grain, the tables after the grains, and the
/// directory at the end, where a footer points to it.
struct StreamWriter {
  var version: UInt32 = 3
  var compression = Compression.zlib
  /// Whether the header has the directory's location, so that there is no footer.
  var directoryInHeader = false
  var entriesPerTable: UInt64 = 512
  var descriptor: String

  private enum Marker: UInt32 { case endOfStream, table, directory, footer }

  /// Locations in the written file.
  struct Layout {
    /// In sectors.
    var directory: UInt64 = 0
    var tables: [UInt64: UInt64] = [:]
    /// The compressed bytes of the stored grains, without their markers, in bytes.
    var grains: [UInt64: Range<UInt64>] = [:]
  }

  private func marker(_ kind: Marker, sectors: UInt64) -> [UInt8] {
    var bytes: [UInt8] = []
    bytes.add(sectors)
    bytes.add(UInt32(0))
    bytes.add(kind.rawValue)
    return bytes.paddedToSector
  }

  @discardableResult
  func write(_ plan: GrainPlan, _ workspace: Workspace, _ name: String) throws -> Layout {
    let file = try ImageFile(workspace, name)
    var layout = Layout()
    var next = 1 + HostedWriter.descriptorSectors
    try file.put(Array(descriptor.utf8), atSector: 1)
    next = max(128, roundUp(next, to: plan.grain / 512))
    let overhead = next

    var entries: [UInt64: [UInt32]] = [:]
    for index in plan.indexes {
      let table = index / entriesPerTable
      var entry: UInt32 = 1
      if plan.states[index] == .data {
        let compressed = try compression(plan.bytes(index))
        var bytes: [UInt8] = []
        bytes.add(index * plan.grain / 512)
        bytes.add(UInt32(compressed.count))
        bytes += compressed
        try file.put(bytes.paddedToSector, atSector: next)
        layout.grains[index] = (next * 512 + 12)..<(next * 512 + 12 + UInt64(compressed.count))
        entry = UInt32(next)
        next += UInt64(bytes.paddedToSector.count) / 512
      }
      entries[table, default: [UInt32](repeating: 0, count: Int(entriesPerTable))][Int(index % entriesPerTable)] = entry
    }
    let tableCount = (plan.count + entriesPerTable - 1) / entriesPerTable
    var directory = [UInt32](repeating: 0, count: Int(tableCount))
    for (table, list) in entries.sorted(by: { $0.key < $1.key }) {
      let bytes = littleEndian(list).paddedToSector
      try file.put(marker(.table, sectors: UInt64(bytes.count) / 512), atSector: next)
      try file.put(bytes, atSector: next + 1)
      directory[Int(table)] = UInt32(next + 1)
      layout.tables[table] = next + 1
      next += 1 + UInt64(bytes.count) / 512
    }
    let directoryBytes = littleEndian(directory).paddedToSector
    try file.put(marker(.directory, sectors: UInt64(directoryBytes.count) / 512), atSector: next)
    try file.put(directoryBytes, atSector: next + 1)
    layout.directory = next + 1
    next += 1 + UInt64(directoryBytes.count) / 512

    var header = SparseWriter(capacity: plan.sectors)
    header.version = version
    header.flags = 0x30001 | (plan.states.values.contains(.zero) ? 4 : 0)
    header.grainSectors = plan.grain / 512
    header.descriptorSector = 1
    header.descriptorSectors = HostedWriter.descriptorSectors
    header.entriesPerTable = UInt32(entriesPerTable)
    header.directory = layout.directory
    header.overhead = overhead
    header.compression = 1
    if !directoryInHeader {
      try file.put(marker(.footer, sectors: 1), atSector: next)
      try file.put(header.header, atSector: next + 1)
      next += 2
      // This value means that the directory's location is in the footer.
      header.directory = .max
    }
    try file.put(header.header, at: 0)
    try file.put(marker(.endOfStream, sectors: 0), atSector: next)
    try file.finish(sectors: next + 1)
    return layout
  }
}
