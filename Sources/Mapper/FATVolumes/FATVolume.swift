import Bytes

/// How FAT12, FAT16 and FAT32 divide their device: reserved sectors, file allocation tables, the root directory of
/// FAT12 and FAT16, and clusters.
///
/// Layout: "FAT: General Overview of On-Disk Format", "Boot Sector and BPB".
package struct FATVolume: Equatable, Sendable {
  package static let bootSectorBytes = 512

  /// In bytes.
  package let sector: UInt64
  /// The space before the first table, in bytes.
  package let reserved: UInt64
  package let tables: UInt64
  /// The size of one table, in bytes.
  package let table: UInt64
  package let clusters: Clusters
  /// The sectors of FSInfo and of the backup of the boot sector; nil if there is none. The backup of FSInfo is as far
  /// behind the backup of the boot sector as FSInfo is behind the boot sector.
  package let information: UInt64?
  package let backup: UInt64?
  /// The number of the first cluster of FAT32's root directory; nil if the root directory is behind the tables.
  package let rootCluster: UInt64?

  private static let rootEntryBytes: UInt64 = 32
  /// The number of clusters from which on a volume has FAT16.
  private static let minimumClustersOfFAT16: UInt64 = 4085

  /// - Parameter boot: the first 512 bytes of the device.
  /// - Returns: nil if they are not those of a FAT filesystem.
  package init?(_ boot: [UInt8]) {
    func number(_ offset: Int, _ width: Int) -> UInt64 { boot.little(at: offset, width: width) }
    let sectorsPerCluster = number(13, 1)
    sector = number(11, 2)
    tables = number(16, 1)
    guard (512...4096).contains(sector), sector.nonzeroBitCount == 1, sectorsPerCluster.nonzeroBitCount == 1,
      tables > 0, number(14, 2) > 0
    else { return nil }
    let cluster = sectorsPerCluster * sector
    reserved = number(14, 2) * sector
    // Each field with 16 bits is zero if the number is in another field with 32 bits.
    let isFAT32 = number(22, 2) == 0
    table = (isFAT32 ? number(36, 4) : number(22, 2)) * sector
    let sectors = number(19, 2) == 0 ? number(32, 4) : number(19, 2)
    let root = (number(17, 2) * Self.rootEntryBytes + sector - 1) / sector * sector
    let firstCluster = reserved + tables * table + root
    guard table > 0, sectors * sector > firstCluster else { return nil }
    let count = (sectors * sector - firstCluster) / cluster
    let entry: Clusters.Entry = isFAT32 ? .fat32 : count < Self.minimumClustersOfFAT16 ? .fat12 : .fat16
    // The first two entries belong to no cluster.
    let entries = table * 8 / entry.size
    clusters = Clusters(
      start: firstCluster, size: cluster, count: min(count, max(entries, Clusters.first) - Clusters.first),
      table: reserved, entry: entry)
    func reservedSector(_ number: UInt64) -> UInt64? { isFAT32 && number > 0 && number != 0xffff ? number : nil }
    information = reservedSector(number(48, 2))
    backup = reservedSector(number(50, 2))
    rootCluster = isFAT32 ? number(44, 4) : nil
  }

  /// The offset of what follows the tables, in bytes.
  package var endOfTables: UInt64 { reserved + tables * table }
}
