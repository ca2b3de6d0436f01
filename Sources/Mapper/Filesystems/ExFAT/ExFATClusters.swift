import BlockStack
import Bytes
import FATVolumes

/// What exFAT's clusters are used for, as the allocation bitmap and the file allocation table say.
///
/// Layout: the "exFAT file system specification", 4.1 and 7.1 to 7.3.
struct ExFATClusters<Device: DeviceBytes> {
  let volume: ExFATVolume
  let device: Device
  private let clusters: Clusters
  private var table: AllocationTable

  /// The size of a directory entry, in bytes.
  private let entryBytes = 32
  /// The entry types of the allocation bitmap and of the up-case table.
  private let bitmapType: UInt8 = 0x81
  private let upCaseType: UInt8 = 0x82
  /// How much of the root directory is read, in bytes. The entries that are needed come early.
  private let maximumRootBytes: UInt64 = 16 << 20
  /// The size of a table with an entry for each UTF-16 unit, in bytes.
  private let maximumUpCaseBytes: UInt64 = 2 << 16
  /// How much of the root directory is read at once, in bytes.
  private let windowBytes: UInt64 = 64 << 10

  init(volume: ExFATVolume, device: Device) {
    (self.volume, self.device) = (volume, device)
    clusters = volume.clusters
    table = AllocationTable(volume.clusters)
  }

  /// A file of the filesystem itself, as an entry in the root directory describes it.
  private struct SystemFile {
    var firstCluster: UInt64
    /// In bytes.
    var length: UInt64
  }

  /// The filesystem's own files, bad and free clusters, and what lies behind the last cluster.
  mutating func areas() throws -> [DeviceArea] {
    let (bitmaps, upCase) = try systemFiles()
    let bitmapBytes = (clusters.count + 7) / 8
    var areas: [DeviceArea] = []
    if let file = bitmaps[0] { add("allocation bitmap", try pieces(of: file, maximum: bitmapBytes), to: &areas) }
    if let file = bitmaps[1] { add("allocation bitmap 2", try pieces(of: file, maximum: bitmapBytes), to: &areas) }
    if let upCase { add("up-case table", try pieces(of: upCase, maximum: maximumUpCaseBytes), to: &areas) }
    let bad = try clusters.ranges(of: [clusters.bad], on: device)[0]
    areas += clusters.areas(bad: bad)
    guard let bitmap = bitmaps[volume.active] else { throw SpaceError.incomplete }
    let free = try AllocationBitmap(pieces: try pieces(of: bitmap, maximum: bitmapBytes), count: clusters.count)
      .freeAreas(on: device, start: clusters.start, blockSize: clusters.size).map(\.range)
    areas += free.subtracting(bad).map { DeviceArea(kind: .unallocated, range: $0) }
    areas.addSpace(behind: clusters.end, on: device)
    return areas
  }

  private func add(_ name: String, _ pieces: [Range<UInt64>], to areas: inout [DeviceArea]) {
    var position: UInt64 = 0
    for piece in pieces {
      if position > 0, let last = areas.last, last.range.upperBound == piece.lowerBound {
        areas[areas.count - 1].range = last.range.lowerBound..<piece.upperBound
      } else {
        areas.add(name, at: piece.lowerBound, count: clusters.size, offset: position)
      }
      position += clusters.size
    }
  }

  /// The allocation bitmaps, by their numbers, and the up-case table, from the root directory.
  private mutating func systemFiles() throws -> (bitmaps: [UInt64: SystemFile], upCase: SystemFile?) {
    var bitmaps: [UInt64: SystemFile] = [:]
    var upCase: SystemFile?
    let piece = min(clusters.size, windowBytes)
    for cluster in try chain(from: volume.root, limit: max(1, maximumRootBytes / clusters.size)) {
      for start in stride(from: cluster.lowerBound, to: cluster.upperBound, by: Int(piece)) {
        guard bitmaps.count < volume.tables || upCase == nil else { return (bitmaps, upCase) }
        let bytes = try device.bytes(at: start, count: Int(piece))
        for start in stride(from: 0, to: bytes.count, by: entryBytes) {
          let file = SystemFile(
            firstCluster: bytes.little(at: start + 20, width: 4), length: bytes.little(at: start + 24, width: 8))
          switch bytes[start] {
          case 0: return (bitmaps, upCase)
          case bitmapType: bitmaps[UInt64(bytes[start + 1] & 1)] = file
          case upCaseType: upCase = file
          default: continue
          }
        }
      }
    }
    return (bitmaps, upCase)
  }

  /// The clusters of a file, in order, in bytes of the device.
  /// - Parameter maximum: the largest size that such a file can have, in bytes. A whole cluster more is allowed.
  private mutating func pieces(of file: SystemFile, maximum: UInt64) throws -> [Range<UInt64>] {
    let length = min(file.length, maximum + clusters.size)
    return try chain(from: file.firstCluster, limit: (length + clusters.size - 1) / clusters.size)
  }

  private mutating func chain(from first: UInt64, limit: UInt64) throws -> [Range<UInt64>] {
    let device = device
    return try table.chain(from: first, limit: limit) { range in
      let end = min(range.upperBound, device.size)
      return try device.bytes(at: range.lowerBound, count: Int(max(range.lowerBound, end) - range.lowerBound))
    }.map { clusters.range(of: $0) }
  }
}
