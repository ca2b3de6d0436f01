import BlockStack
import Bytes

/// How exFAT divides its device.
///
/// Layout: the "exFAT file system specification", 2 and 3.
struct ExFATVolume: Equatable {
  static let bootSectorBytes = 512
  private static let bootRegionSectors: UInt64 = 12

  /// In bytes.
  let sector: UInt64
  /// In bytes.
  let cluster: UInt64
  /// In bytes of the device.
  let tableStart: UInt64
  /// The number of file allocation tables, and of bitmaps: 1 or 2.
  let tables: UInt64
  /// The size of one table, in bytes.
  let table: UInt64
  /// The number of the table and of the bitmap that are in use: 0 or 1.
  let active: UInt64
  /// The offset of the first cluster, which has the number 2, in bytes.
  let firstCluster: UInt64
  let clusterCount: UInt64
  /// The number of the root directory's first cluster.
  let root: UInt64

  /// - Parameter boot: the first 512 bytes of the device.
  /// - Returns: nil if they are not those of an exFAT filesystem.
  init?(_ boot: [UInt8]) {
    func number(_ offset: Int, _ width: Int) -> UInt64 { boot.little(at: offset, width: width) }
    let (sectorPower, clusterPower) = (number(108, 1), number(109, 1))
    guard boot.has(Array("EXFAT   ".utf8), at: 3), (9...12).contains(sectorPower), clusterPower <= 25 - sectorPower
    else { return nil }
    sector = 1 << sectorPower
    cluster = sector << clusterPower
    tableStart = number(80, 4) * sector
    table = number(84, 4) * sector
    tables = number(110, 1)
    active = number(106, 2) & 1
    firstCluster = number(88, 4) * sector
    root = number(96, 4)
    guard (1...2).contains(tables), active < tables, tableStart >= 2 * Self.bootRegionSectors * sector,
      firstCluster >= tableStart + tables * table
    else { return nil }
    // The first two entries of a table belong to no cluster.
    clusterCount = min(number(92, 4), max(table / ExFATVolume.entryBytes, 2) - 2)
  }

  /// The size of an entry of a table, in bytes.
  static let entryBytes: UInt64 = 4

  /// All that precedes the clusters.
  var metadata: [DeviceArea] {
    var areas: [DeviceArea] = []
    let boot = Self.bootRegionSectors * sector
    areas.add("boot region", at: 0, count: boot)
    areas.add("backup boot region", at: boot, count: boot)
    areas.add("FAT alignment", at: 2 * boot, count: tableStart - 2 * boot)
    for number in 0..<tables { areas.add("FAT \(number + 1)", at: tableStart + number * table, count: table) }
    let end = tableStart + tables * table
    areas.add("cluster heap alignment", at: end, count: firstCluster - end)
    return areas
  }
}
