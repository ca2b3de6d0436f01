/// What a kept overlay's file begins with, and where everything in it is.
///
/// The file, all numbers little endian:
///
///     0     "virt-bmap overlay 1\n" and zeros up to 64
///     64    the disk's size in bytes
///     72    the size of a cluster: 65536
///     80    when the disk's files were last changed as the overlay was begun, in nanoseconds since 1970
///     88    what the disk is told by, 64 bytes
///     152   zeros up to 4096
///     4096  a bit for each cluster of the disk, the lowest of a byte first: set if the cluster is here
///     then, from the next multiple of 65536 on, the clusters, each at the place that it has on the disk
///
/// The file is sparse.
struct OverlayHeader: Equatable {
  static let size = 4096
  static let clusterBits = 16
  static let clusterSize = 1 << clusterBits
  static let identitySize = 64
  /// So that the bits need 128 MiB at most: 64 TiB.
  static let mostBytes: UInt64 = 1 << 46

  private static let magic = Array("virt-bmap overlay 1\n".utf8)

  var diskSize: UInt64
  var changed: UInt64
  var identity: [UInt8]

  /// How many clusters the disk has.
  var clusterCount: Int { Int((diskSize + UInt64(Self.clusterSize) - 1) >> UInt64(Self.clusterBits)) }
  /// Of the bits, in bytes: whole words.
  var bitmapBytes: Int { (clusterCount + 63) / 64 * 8 }
  /// Where the clusters begin.
  var dataOffset: UInt64 {
    let clusters = (Self.size + bitmapBytes + Self.clusterSize - 1) >> Self.clusterBits
    return UInt64(clusters) << UInt64(Self.clusterBits)
  }
  /// Of the whole file.
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

  /// Nil: this is not the beginning of an overlay.
  init?(_ bytes: [UInt8]) {
    guard bytes.count == Self.size, bytes.starts(with: Self.magic) else { return nil }
    func number(_ offset: Int) -> UInt64 {
      bytes[offset..<offset + 8].reversed().reduce(0) { $0 << 8 | UInt64($1) }
    }
    diskSize = number(64)
    changed = number(80)
    identity = Array(bytes[88..<88 + Self.identitySize])
    guard number(72) == UInt64(Self.clusterSize), diskSize <= Self.mostBytes, self.bytes == bytes else { return nil }
  }
}
