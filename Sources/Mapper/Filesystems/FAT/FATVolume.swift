import BlockStack
import Bytes

/// How FAT12, FAT16 and FAT32 divide their device: reserved sectors, file allocation tables, the root directory of
/// FAT12 and FAT16, and clusters.
///
/// Layout: "FAT: General Overview of On-Disk Format", "Boot Sector and BPB".
struct FATVolume: Equatable {
  static let bootSectorBytes = 512

  enum EntrySize: UInt64 {
    case twelve = 12
    case sixteen = 16
    case thirtyTwo = 32
  }

  /// In bytes.
  let sector: UInt64
  /// In bytes.
  let cluster: UInt64
  /// The space before the first table, in bytes.
  let reserved: UInt64
  let tables: UInt64
  /// The size of one table, in bytes.
  let table: UInt64
  let entrySize: EntrySize
  /// The offset of the first cluster, which has the number 2, in bytes.
  let firstCluster: UInt64
  let clusterCount: UInt64
  /// The sectors of FSInfo and of the backup of the boot sector; nil if there is none. The backup of FSInfo is as far
  /// behind the backup of the boot sector as FSInfo is behind the boot sector.
  let information: UInt64?
  let backup: UInt64?

  private static let rootEntryBytes: UInt64 = 32
  /// The number of clusters from which on a volume has FAT16.
  private static let minimumClustersOfFAT16: UInt64 = 4085

  /// - Parameter boot: the first 512 bytes of the device.
  /// - Returns: nil if they are not those of a FAT filesystem.
  init?(_ boot: [UInt8]) {
    func number(_ offset: Int, _ width: Int) -> UInt64 { boot.little(at: offset, width: width) }
    let sectorsPerCluster = number(13, 1)
    sector = number(11, 2)
    tables = number(16, 1)
    guard (512...4096).contains(sector), sector.nonzeroBitCount == 1, sectorsPerCluster.nonzeroBitCount == 1,
      tables > 0, number(14, 2) > 0
    else { return nil }
    cluster = sectorsPerCluster * sector
    reserved = number(14, 2) * sector
    // Each field with 16 bits is zero if the number is in another field with 32 bits.
    let isFAT32 = number(22, 2) == 0
    table = (isFAT32 ? number(36, 4) : number(22, 2)) * sector
    let sectors = number(19, 2) == 0 ? number(32, 4) : number(19, 2)
    let root = (number(17, 2) * Self.rootEntryBytes + sector - 1) / sector * sector
    firstCluster = reserved + tables * table + root
    guard table > 0, sectors * sector > firstCluster else { return nil }
    let count = (sectors * sector - firstCluster) / cluster
    entrySize = isFAT32 ? .thirtyTwo : count < Self.minimumClustersOfFAT16 ? .twelve : .sixteen
    // The first two entries belong to no cluster.
    let entries = table * 8 / entrySize.rawValue
    clusterCount = min(count, max(entries, 2) - 2)
    func reservedSector(_ number: UInt64) -> UInt64? { isFAT32 && number > 0 && number != 0xffff ? number : nil }
    information = reservedSector(number(48, 2))
    backup = reservedSector(number(50, 2))
  }

  /// All but the clusters and the root directory of FAT12 and FAT16, which is mapped as the directory `/`.
  var metadata: [DeviceArea] {
    var areas: [DeviceArea] = []
    func add(_ name: String, sector number: UInt64?) {
      guard let number, (number + 1) * sector <= reserved else { return }
      areas.add(name, at: number * sector, count: sector)
    }
    add("boot sector", sector: 0)
    add("FSInfo", sector: information)
    add("backup boot sector", sector: backup)
    if let backup, let information { add("backup FSInfo", sector: backup + information) }
    for range in [0..<reserved].subtracting(areas.map(\.range).sorted { $0.lowerBound < $1.lowerBound }) {
      areas.append(DeviceArea(name: "reserved sectors", range: range, offset: range.lowerBound))
    }
    for number in 0..<tables { areas.add("FAT \(number + 1)", at: reserved + number * table, count: table) }
    return areas
  }
}
