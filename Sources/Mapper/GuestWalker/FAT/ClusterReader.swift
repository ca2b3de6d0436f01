import FATVolumes
import Glibc

/// The clusters of a file or a directory.
struct ClusterAllocation: Hashable {
  var firstCluster: UInt32
  /// The clusters follow one another, and the table of clusters says nothing about them.
  var isContiguous: Bool
  /// How many bytes are allocated, which the volume rounds up to clusters. The chain of clusters may end earlier.
  var length: UInt64
}

/// Reads the clusters of a FAT or exFAT volume from its device, past the page cache.
struct ClusterReader {
  private static let blockBytes = 64 << 10
  /// exFAT allows no larger directory.
  static let maximumDirectory: UInt64 = 256 << 20
  /// A second of work under emulation.
  private static let maximumSteps: UInt64 = 1 << 24
  /// More pieces than this are left out: each takes about 60 bytes of memory.
  private static let maximumPieces = 1 << 16

  private let device: Int32
  private let clusters: Clusters
  private var table: AllocationTable
  private let buffer: AlignedBuffer

  var clusterSize: UInt64 { clusters.size }

  /// - Parameter device: open for direct reads.
  init(device: Int32, _ clusters: Clusters) {
    self.device = device
    self.clusters = clusters
    table = AllocationTable(clusters)
    buffer = AlignedBuffer(size: Self.blockBytes)
  }

  /// Where a directory is, in bytes of the device and in its order.
  mutating func ranges(of directory: ClusterAllocation) -> [Range<UInt64>] {
    pieces(of: directory, in: 0..<min(directory.length, Self.maximumDirectory)).compactMap { piece in
      piece.physical.map { $0..<$0 + piece.length }
    }
  }

  /// The bytes in ranges of the device, up to the first that cannot be read.
  func bytes(in ranges: [Range<UInt64>]) -> [UInt8] {
    var bytes: [UInt8] = []
    for range in ranges {
      var start = range.lowerBound
      while start < range.upperBound {
        let part = start..<start + min(range.upperBound - start, UInt64(Self.blockBytes))
        let read = deviceBytes(part)
        guard read.count == part.count else { return bytes }
        bytes += read
        start = part.upperBound
      }
    }
    return bytes
  }

  /// The pieces of a file or directory from the beginning of `range` to the end of the cluster with its end, as far as
  /// its clusters are known. They count as unwritten.
  mutating func pieces(of allocation: ClusterAllocation, in range: Range<UInt64>) -> [FileLayout.Piece] {
    var pieces: [FileLayout.Piece] = []
    var cluster = UInt64(allocation.firstCluster)
    let first = range.lowerBound / clusterSize
    let last = min(range.upperBound / clusterSize + (range.upperBound % clusterSize > 0 ? 1 : 0), clusters.count)
    guard first < last, clusters.exists(cluster) else { return [] }
    if allocation.isContiguous {
      guard clusters.exists(cluster + last - 1) else { return [] }
      return [piece(of: cluster + first, at: first, count: last - first, from: range.lowerBound)]
    }
    guard last <= Self.maximumSteps else { return [] }
    for index in 0..<last {
      if index >= first {
        pieces.join(piece(of: cluster, at: index, count: 1, from: range.lowerBound))
        guard pieces.count <= Self.maximumPieces else { break }
      }
      guard let next = table.next(after: cluster, deviceBytes) else { break }
      cluster = next
    }
    return pieces
  }

  /// - Parameter start: the offset in the file at which the piece begins, if that is in these clusters.
  private func piece(of cluster: UInt64, at index: UInt64, count: UInt64, from start: UInt64) -> FileLayout.Piece {
    let offset = index * clusterSize
    let skipped = max(start, offset) - offset
    return FileLayout.Piece(
      offset: offset + skipped, length: count * clusterSize - skipped, layout: .exact,
      physical: clusters.range(of: cluster).lowerBound + skipped, isUnwritten: true)
  }

  /// The bytes in a range of at most 64 KiB, as far as they can be read.
  private func deviceBytes(_ range: Range<UInt64>) -> [UInt8] {
    let wanted = min(Self.blockBytes, Int(range.upperBound - range.lowerBound))
    guard let offset = off_t(exactly: range.lowerBound) else { return [] }
    return Array(buffer.bytes.prefix(max(0, pread(device, buffer.bytes.baseAddress, wanted, offset))))
  }
}
