import AccessFigures
import BlockMap

/// Which rows the page has, and their numbers.
struct PageRows {
  /// The most rows of a table on the page. A browser becomes slow with more.
  private static let maximumObjects = 200_000
  private static let maximumDirectories = 100_000
  private static let maximumDevices = 10_000

  let objects: [FigureTables.Row<ObjectID>]
  let directories: [FigureTables.Row<DirectoryFigures.Directory>]
  let devices: [FigureTables.Row<[UInt8]>]
  let kinds: [FigureTables.Row<ObjectKind?>]
  /// What is in no row.
  private(set) var leftOut: (objects: Int, counts: AccessPair)
  /// The names of devices, and their numbers on the page.
  private(set) var deviceNames: [[UInt8]] = []
  private var deviceNumbers: [[UInt8]: Int] = [:]
  /// The row of each object, by its number; 0 for none, otherwise counted from 1.
  private var rowOfObject: [UInt32]
  /// The letters of the kinds of accesses whose object is in no row. They follow the objects.
  private(set) var others: [UInt8] = []

  init(_ tables: FigureTables, _ table: ObjectTable) {
    objects = Array(tables.objects.prefix(Self.maximumObjects))
    directories = Array(tables.directories.prefix(Self.maximumDirectories))
    devices = Array(tables.devices.prefix(Self.maximumDevices))
    kinds = tables.kinds
    leftOut = (tables.objects.count - objects.count, AccessPair())
    for row in tables.objects.dropFirst(objects.count) { leftOut.counts.add(row.counts) }
    rowOfObject = Array(repeating: 0, count: table.count)
    for (number, row) in objects.enumerated() {
      rowOfObject[Int(row.name.rawValue)] = UInt32(number) + 1
      addDevice(table.device(of: row.name))
    }
    for row in directories { addDevice(row.name.device) }
    for row in devices { addDevice(row.name) }
  }

  func number(ofDevice device: [UInt8]) -> Int { deviceNumbers[device] ?? 0 }

  /// The row of an object; nil if the page has none.
  func row(of object: ObjectID) -> Int? {
    let row = rowOfObject[Int(object.rawValue)]
    return row == 0 ? nil : Int(row) - 1
  }

  /// The row of an access, or the number of its kind after all rows.
  mutating func row(of access: Access) -> UInt32 {
    if let row = access.object.flatMap({ row(of: $0) }) { return UInt32(row) }
    let letter = access.kind == 0 ? UInt8(ascii: "-") : access.kind
    let kind = others.firstIndex(of: letter) ?? others.count
    if kind == others.count { others.append(letter) }
    return UInt32(objects.count + kind)
  }

  private mutating func addDevice(_ device: [UInt8]) {
    guard deviceNumbers[device] == nil else { return }
    deviceNumbers[device] = deviceNames.count
    deviceNames.append(device)
  }
}
