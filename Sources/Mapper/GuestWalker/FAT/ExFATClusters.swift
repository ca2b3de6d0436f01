import FATVolumes
import Glibc

/// The clusters of an exFAT volume, read from its device.
struct ExFATClusters {
  private static let blockBytes = 64 << 10
  /// The specification allows no larger directory.
  private static let maximumDirectory: UInt64 = 256 << 20
  /// A second of work under emulation.
  private static let maximumSteps: UInt64 = 1 << 24
  /// More pieces than this are left out: each takes about 60 bytes of memory.
  private static let maximumPieces = 1 << 16

  private let device: Int32
  private let clusters: Clusters
  let sectorSize: UInt64
  let root: ExFATAllocation
  private var table: AllocationTable
  private let buffer: AlignedBuffer

  var clusterSize: UInt64 { clusters.size }

  /// - Parameter device: open for direct reads.
  init(device: Int32, _ volume: ExFATVolume) {
    self.device = device
    clusters = volume.clusters
    sectorSize = volume.sector
    root = ExFATAllocation(
      firstCluster: UInt32(truncatingIfNeeded: volume.root), isContiguous: false, length: Self.maximumDirectory)
    table = AllocationTable(clusters)
    buffer = AlignedBuffer(size: Self.blockBytes)
  }

  /// The bytes of a directory, as far as they can be read.
  mutating func directory(_ allocation: ExFATAllocation) -> [UInt8] {
    var bytes: [UInt8] = []
    let end = min(allocation.length, Self.maximumDirectory)
    for piece in pieces(of: allocation, in: 0..<end) {
      guard let start = piece.physical else { continue }
      var done: UInt64 = 0
      while done < piece.length {
        let wanted = min(piece.length - done, UInt64(Self.blockBytes))
        let read = deviceBytes(start + done..<start + done + wanted)
        guard read.count == Int(wanted) else { return bytes }
        bytes += read
        done += wanted
      }
    }
    return bytes
  }

  /// The pieces of a file or directory from the beginning of `range` to the end of the cluster with its end, as far as
  /// its clusters are known. They count as unwritten.
  mutating func pieces(of allocation: ExFATAllocation, in range: Range<UInt64>) -> [FileLayout.Piece] {
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
