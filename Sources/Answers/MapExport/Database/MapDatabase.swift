import BlockMap
import SQLite

/// Exports a map to an SQLite database.
package enum MapDatabase {
  /// Fills a new database.
  /// - Throws: `SQLiteError`, and `ExportError` for a number above 2^63 - 1.
  package static func write(_ source: ExportSource, to database: Database) throws {
    // The file is of no use before it is complete, so nothing has to be undone.
    try database.execute("PRAGMA journal_mode = OFF; PRAGMA synchronous = OFF; PRAGMA locking_mode = EXCLUSIVE;")
    try database.execute("BEGIN; \(MapSchema.tables)")
    let devices = DeviceTable(source.map)
    let kept = KeptRows(source, devices)
    try writeDisks(source, kept, to: database)
    try writeDevices(devices, kept, to: database)
    try writeObjects(source, devices, kept, to: database)
    try writeRanges(source, to: database)
    try database.execute("\(MapSchema.indexes) \(MapSchema.views) COMMIT;")
  }

  private static func writeDisks(_ source: ExportSource, _ kept: KeptRows, to database: Database) throws {
    let insert = try database.prepare("INSERT INTO disks VALUES (?, ?, ?, ?, ?)")
    for (index, size) in source.map.sizes.enumerated() where kept.keeps(disk: index) {
      try insert.set(1, Int64(index + 1))
      try insert.set(2, number(size))
      if source.map.disks.indices.contains(index) {
        let disk = source.map.disks[index]
        if !disk.format.isEmpty { try insert.set(3, text: ExportedName.text(disk.format, as: .device)) }
        if !disk.file.isEmpty {
          try insert.set(4, text: ExportedName.text(disk.file, as: .path))
          try set(insert, 5, blob: disk.file)
        }
      }
      try insert.run()
    }
  }

  private static func writeDevices(_ devices: DeviceTable, _ kept: KeptRows, to database: Database) throws {
    let insert = try database.prepare("INSERT INTO devices VALUES (?, ?, ?, ?, ?)")
    for (index, device) in devices.devices.enumerated() where kept.keeps(device: index) {
      try insert.set(1, Int64(index + 1))
      try insert.set(2, text: ExportedName.text(device.name, as: .device))
      try set(insert, 3, blob: device.name)
      if !device.type.isEmpty { try insert.set(4, text: ExportedName.text(device.type, as: .device)) }
      try insert.set(5, device.isEncrypted ? 1 : 0)
      try insert.run()
    }
  }

  private static func writeObjects(
    _ source: ExportSource, _ devices: DeviceTable, _ kept: KeptRows, to database: Database
  ) throws {
    let insert = try database.prepare("INSERT INTO objects VALUES (?, ?, ?, ?, ?)")
    var text: [UInt8] = []
    for id in source.map.objects.ids where kept.keeps(object: id) {
      try insert.set(1, Int64(id.rawValue) + 1)
      try insert.set(2, text: [source.map.objects.letter(of: id)])
      try insert.set(3, Int64(devices.deviceOfObject[Int(id.rawValue)]) + 1)
      try source.map.objects.withPath(of: id) { path in
        guard let path else { return }
        text.removeAll(keepingCapacity: true)
        ExportedName.append(path, as: .path, to: &text)
        try insert.set(4, text: text)
        try insert.set(5, blob: path)
      }
      try insert.run()
    }
  }

  private static func writeRanges(_ source: ExportSource, to database: Database) throws {
    let insert = try database.prepare("INSERT INTO ranges VALUES (?, ?, ?, ?, ?)")
    try source.forEachRange { range in
      try insert.set(1, Int64(range.disk))
      try insert.set(2, number(range.range.lowerBound))
      try insert.set(3, number(range.range.upperBound - range.range.lowerBound))
      try insert.set(4, Int64(range.object.rawValue) + 1)
      if source.map.hasOffsets { try insert.set(5, number(range.objectOffset)) }
      try insert.run()
    }
  }

  private static func set(_ statement: Statement, _ index: Int32, blob: [UInt8]) throws(SQLiteError) {
    let bytes = blob.span.bytes
    try bytes.withUnsafeBytes { (bytes) throws(SQLiteError) in try statement.set(index, blob: bytes) }
  }

  private static func number(_ number: UInt64) throws(ExportError) -> Int64 {
    guard let signed = Int64(exactly: number) else {
      throw ExportError(description: "the number \(number) of the map is too large for SQLite")
    }
    return signed
  }
}
