/// The header of the file of a persistent overlay, and the layout of the file.
///
/// All numbers are little endian:
///
///     0     "virt-bmap overlay 1\n", padded with zeros to 64 bytes
///     64    the size of the disk in bytes
///     72    the cluster size: 65536
///     80    the latest modification time of the disk's files when the overlay was created, in nanoseconds since 1970
///     88    the digest that identifies the disk, 64 bytes
///     152   zeros up to 4096
///     4096  one bit for each cluster of the disk, lowest bit of each byte first: set if the cluster is in the overlay
///     then, from the next multiple of 65536 on, the clusters, in the same order and spacing as on the disk
///
/// The file is sparse.
struct OverlayHeader: Equatable {
  static let size = 4096
  static let clusterBits = 16
  static let clusterSize = 1 << clusterBits
  static let identitySize = 64
  /// The largest disk: 64 TiB, so that the bitmap takes at most 128 MiB.
  static let maximumBytes: UInt64 = 1 << 46

  private static let magic = Array("virt-bmap overlay 1\n".utf8)

  var diskSize: UInt64
  var changed: UInt64
  var identity: [UInt8]

  /// The number of clusters on the disk.
  var clusterCount: Int { Int((diskSize + UInt64(Self.clusterSize) - 1) >> UInt64(Self.clusterBits)) }
  /// The size of the bitmap in bytes, a whole number of 64-bit words.
  var bitmapBytes: Int { (clusterCount + 63) / 64 * 8 }
  /// The offset of the first cluster, in bytes.
  var dataOffset: UInt64 {
    let clusters = (Self.size + bitmapBytes + Self.clusterSize - 1) >> Self.clusterBits
    return UInt64(clusters) << UInt64(Self.clusterBits)
  }
  /// The size of the whole file, in bytes.
  var fileSize: UInt64 { dataOffset + UInt64(clusterCount) << UInt64(Self.clusterBits) }

  var bytes: [UInt8] {
    var bytes = Self.magic
    bytes += Array(repeating: 0, count: 64 - bytes.count)
    for number in [diskSize, UInt64(Self.clusterSize), changed] {
      withUnsafeBytes(of: number.littleEndian) { bytes += $0 }
    }
    bytes += identity
    return bytes + Array(repeating: 0, count: Self.size - bytes.count)
  }

  init(diskSize: UInt64, changed: UInt64, identity: [UInt8]) {
    self.diskSize = diskSize
    self.changed = changed
    self.identity = identity
  }

  /// `nil` if the bytes are not the header of an overlay.
  init?(_ bytes: [UInt8]) {
    guard bytes.count == Self.size, bytes.starts(with: Self.magic) else { return nil }
    func number(_ offset: Int) -> UInt64 {
      bytes[offset..<offset + 8].reversed().reduce(0) { $0 << 8 | UInt64($1) }
    }
    diskSize = number(64)
    changed = number(80)
    identity = Array(bytes[88..<88 + Self.identitySize])
    guard number(72) == UInt64(Self.clusterSize), diskSize <= Self.maximumBytes, self.bytes == bytes else { return nil }
  }
}
