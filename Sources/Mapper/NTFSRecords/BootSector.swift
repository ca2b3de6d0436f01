/// What the first sector of an NTFS volume says about its file table.
///
/// Layout: "NTFS Documentation" of the Linux-NTFS project, "$Boot".
public struct BootSector: Equatable, Sendable {
  /// How many bytes are read for it.
  public static let size = 512

  /// The size of the largest record of a file table, in bytes.
  public static let maximumRecordBytes = 4096

  /// In bytes; a power of two from 512 to 2 MiB.
  public let clusterSize: UInt64
  /// The size of a record of the file table, in bytes; a power of two from 512 to 4096.
  public let recordSize: Int
  /// The first cluster of the file table, `$MFT`.
  public let tableCluster: UInt64
  /// The number of clusters. The volume ends with the last of them, or with a few sectors behind it.
  public let clusterCount: UInt64

  /// nil if this is not the first sector of an NTFS volume.
  public init?(_ bytes: [UInt8]) {
    guard bytes.dropFirst(3).starts(with: Array("NTFS    ".utf8)), let sector = bytes.number(at: 11, bytes: 2),
      let sectors = bytes.number(at: 13, bytes: 1), let total = bytes.number(at: 40, bytes: 8),
      let table = bytes.number(at: 48, bytes: 8),
      let record = bytes.number(at: 64, bytes: 1)
    else { return nil }
    // From 129 sectors and 128 clusters on, the fields are negative, and their magnitudes are exponents of two.
    guard let cluster = sectors <= 128 ? sectors * sector : Self.power(256 - sectors).map({ $0 * sector }),
      (512...2 << 20).contains(cluster), cluster.nonzeroBitCount == 1,
      let size = record < 128 ? record * cluster : Self.power(256 - record),
      (512...UInt64(Self.maximumRecordBytes)).contains(size), size.nonzeroBitCount == 1,
      table < UInt64(Int64.max) / cluster
    else { return nil }
    clusterSize = cluster
    recordSize = Int(size)
    tableCluster = table
    clusterCount = total / (cluster / sector)
  }

  private static func power(_ exponent: UInt64) -> UInt64? { exponent < 32 ? 1 << exponent : nil }
}
