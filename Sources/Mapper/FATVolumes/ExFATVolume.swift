import Bytes

/// How exFAT divides its device.
///
/// Layout: the "exFAT file system specification", 2 and 3.
package struct ExFATVolume: Equatable, Sendable {
  package static let bootSectorBytes = 512
  private static let bootRegionSectors: UInt64 = 12

  /// In bytes.
  package let sector: UInt64
  /// In bytes of the device.
  package let tableStart: UInt64
  /// The number of file allocation tables, and of bitmaps: 1 or 2.
  package let tables: UInt64
  /// The size of one table, in bytes.
  package let table: UInt64
  /// The number of the table and of the bitmap that are in use: 0 or 1.
  package let active: UInt64
  package let clusters: Clusters
  /// The number of the root directory's first cluster.
  package let root: UInt64

  /// - Parameter boot: the first 512 bytes of the device.
  /// - Returns: nil if they are not those of an exFAT filesystem.
  package init?(_ boot: [UInt8]) {
    func number(_ offset: Int, _ width: Int) -> UInt64 { boot.little(at: offset, width: width) }
    let (sectorPower, clusterPower) = (number(108, 1), number(109, 1))
    guard boot.has(Array("EXFAT   ".utf8), at: 3), (9...12).contains(sectorPower), clusterPower <= 25 - sectorPower
    else { return nil }
    sector = 1 << sectorPower
    tableStart = number(80, 4) * sector
    table = number(84, 4) * sector
    tables = number(110, 1)
    active = number(106, 2) & 1
    let firstCluster = number(88, 4) * sector
    root = number(96, 4)
    guard (1...2).contains(tables), active < tables, tableStart >= 2 * Self.bootRegionSectors * sector,
      firstCluster >= tableStart + tables * table
    else { return nil }
    // The first two entries of a table belong to no cluster.
    clusters = Clusters(
      start: firstCluster, size: sector << clusterPower, count: min(number(92, 4), max(table / 4, 2) - 2),
      table: tableStart + active * table, entry: .exFAT)
  }

  /// The size of the boot region, and of its backup, in bytes.
  package var bootRegion: UInt64 { Self.bootRegionSectors * sector }
}
