import Glibc

/// The clusters of an exFAT volume, read from its device.
///
/// Layout: "exFAT file system specification", 3.1 and 4.1.
struct ExFATClusters {
  private static let blockBytes: UInt64 = 64 << 10
  /// The specification allows no larger directory.
  private static let maximumDirectory: UInt64 = 256 << 20
  /// A second of work under emulation.
  private static let maximumSteps: UInt64 = 1 << 24
  /// More pieces than this are left out: each takes about 60 bytes of memory.
  private static let maximumPieces = 1 << 16

  private let device: Int32
  let clusterSize: UInt64
  let sectorSize: UInt64
  let root: ExFATAllocation
  /// In bytes of the device.
  private let table: UInt64
  private let heap: UInt64
  private let count: UInt64
  /// The part of the table that was read last.
  private var block: (number: UInt64, buffer: AlignedBuffer)

  /// - Parameters:
  ///   - device: open for direct reads.
  ///   - bootSector: at least `AllocationTables.bootSectorBytes`.
  /// - Returns: nil if the boot sector cannot be right.
  init?(device: Int32, bootSector: [UInt8]) {
    func number(at offset: Int) -> UInt64 {
      bootSector[offset..<offset + 4].reversed().reduce(0) { $0 << 8 | UInt64($1) }
    }
    guard bootSector.count >= AllocationTables.bootSectorBytes, (9...12).contains(bootSector[108]),
      bootSector[109] <= 25 - bootSector[108]
    else { return nil }
    let sectorShift = UInt64(bootSector[108])
    self.device = device
    sectorSize = 1 << sectorShift
    clusterSize = sectorSize << UInt64(bootSector[109])
    table = number(at: 80) << sectorShift
    heap = number(at: 88) << sectorShift
    count = number(at: 92)
    root = ExFATAllocation(
      firstCluster: UInt32(truncatingIfNeeded: number(at: 96)), isContiguous: false, length: Self.maximumDirectory)
    block = (.max, AlignedBuffer(size: Int(Self.blockBytes)))
  }

  /// The bytes of a directory, as far as they can be read.
  mutating func directory(_ allocation: ExFATAllocation) -> [UInt8] {
    var bytes: [UInt8] = []
    let buffer = AlignedBuffer(size: Int(Self.blockBytes)).bytes
    defer { buffer.deallocate() }
    let end = min(allocation.length, Self.maximumDirectory)
    for piece in pieces(of: allocation, in: 0..<end) {
      guard let start = piece.physical else { continue }
      var done: UInt64 = 0
      while done < piece.length {
        let wanted = Int(min(piece.length - done, UInt64(buffer.count)))
        guard pread(device, buffer.baseAddress, wanted, off_t(truncatingIfNeeded: start + done)) == wanted else {
          return bytes
        }
        bytes += buffer.prefix(wanted)
        done += UInt64(wanted)
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
    let last = min(range.upperBound / clusterSize + (range.upperBound % clusterSize > 0 ? 1 : 0), count)
    guard first < last else { return [] }
    if allocation.isContiguous {
      guard cluster >= 2, cluster - 2 + last <= count else { return [] }
      return [piece(of: cluster + first, at: first, count: last - first, from: range.lowerBound)]
    }
    guard last <= Self.maximumSteps else { return [] }
    for index in 0..<last {
      guard cluster >= 2, cluster - 2 < count else { break }
      if index >= first {
        pieces.join(piece(of: cluster, at: index, count: 1, from: range.lowerBound))
        guard pieces.count <= Self.maximumPieces else { break }
      }
      guard let next = next(after: cluster) else { break }
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
      physical: heap + (cluster - 2) * clusterSize + skipped, isUnwritten: true)
  }

  /// The table's entry for a cluster; nil if it cannot be read.
  private mutating func next(after cluster: UInt64) -> UInt64? {
    let offset = table + cluster * 4
    let number = offset / Self.blockBytes
    if block.number != number {
      block.number = .max
      let bytes = block.buffer.bytes
      let count = pread(device, bytes.baseAddress, bytes.count, off_t(truncatingIfNeeded: number * Self.blockBytes))
      guard count >= Int(offset % Self.blockBytes) + 4 else { return nil }
      if count == bytes.count { block.number = number }
    }
    return UInt64(
      block.buffer.bytes.loadUnaligned(fromByteOffset: Int(offset % Self.blockBytes), as: UInt32.self).littleEndian)
  }
}
