import BlockStack
import Bytes

/// What exFAT's clusters are used for, as the allocation bitmap and the file allocation table say.
///
/// Layout: the "exFAT file system specification", 4.1 and 7.1 to 7.3.
struct ExFATClusters<Device: DeviceBytes> {
  let volume: ExFATVolume
  let device: Device

  /// The number of the first cluster.
  private let first: UInt64 = 2
  private let badCluster: UInt64 = 0xffff_fff7
  /// The size of a directory entry, in bytes.
  private let entryBytes = 32
  /// The entry types of the allocation bitmap and of the up-case table.
  private let bitmapType: UInt8 = 0x81
  private let upCaseType: UInt8 = 0x82
  /// How much of the root directory is read, in bytes. The entries that are needed come early.
  private let maximumRootBytes: UInt64 = 16 << 20
  /// How much of the table, and of the root directory, is read at once, in bytes.
  private let windowBytes: UInt64 = 64 << 10
  private var window: (range: Range<UInt64>, bytes: [UInt8]) = (0..<0, [])

  init(volume: ExFATVolume, device: Device) { (self.volume, self.device) = (volume, device) }

  /// A file of the filesystem itself, as an entry in the root directory describes it.
  private struct SystemFile {
    var firstCluster: UInt64
    /// In bytes.
    var length: UInt64
  }

  /// The filesystem's own files, bad and free clusters, and what lies behind the last cluster.
  mutating func areas() throws -> [DeviceArea] {
    let (bitmaps, upCase) = try systemFiles()
    var areas: [DeviceArea] = []
    if let file = bitmaps[0] { add("allocation bitmap", try clusters(of: file), to: &areas) }
    if let file = bitmaps[1] { add("allocation bitmap 2", try clusters(of: file), to: &areas) }
    if let upCase { add("up-case table", try clusters(of: upCase), to: &areas) }
    let bad = try badClusters()
    areas += bad.map { DeviceArea(name: "bad clusters", range: $0, offset: $0.lowerBound - volume.firstCluster) }
    guard let bitmap = bitmaps[volume.active] else { throw SpaceError.incomplete }
    let pieces = try clusters(of: bitmap).map { offset(of: $0)..<offset(of: $0) + volume.cluster }
    let free = try AllocationBitmap(pieces: pieces, count: volume.clusterCount)
      .freeAreas(on: device, start: volume.firstCluster, blockSize: volume.cluster).map(\.range)
    areas += free.subtracting(bad).map { DeviceArea(kind: .unallocated, range: $0) }
    areas.addSpace(behind: volume.firstCluster + volume.clusterCount * volume.cluster, on: device)
    return areas
  }

  private func add(_ name: String, _ clusters: [UInt64], to areas: inout [DeviceArea]) {
    var position: UInt64 = 0
    for number in clusters {
      let start = offset(of: number)
      if position > 0, let last = areas.last, last.range.upperBound == start {
        areas[areas.count - 1].range = last.range.lowerBound..<start + volume.cluster
      } else {
        areas.add(name, at: start, count: volume.cluster, offset: position)
      }
      position += volume.cluster
    }
  }

  /// - Parameter number: at least 2, and the number of a cluster that exists.
  private func offset(of number: UInt64) -> UInt64 { volume.firstCluster + (number - first) * volume.cluster }

  private func exists(_ number: UInt64) -> Bool { number >= first && number - first < volume.clusterCount }

  /// The allocation bitmaps, by their numbers, and the up-case table, from the root directory.
  private mutating func systemFiles() throws -> (bitmaps: [UInt64: SystemFile], upCase: SystemFile?) {
    var bitmaps: [UInt64: SystemFile] = [:]
    var upCase: SystemFile?
    var next = volume.root
    var left = maximumRootBytes
    while exists(next) {
      let piece = min(volume.cluster, windowBytes)
      for start in stride(from: offset(of: next), to: offset(of: next) + volume.cluster, by: Int(piece)) {
        guard left >= piece, bitmaps.count < volume.tables || upCase == nil else { return (bitmaps, upCase) }
        left -= piece
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
      next = try entry(of: next)
    }
    return (bitmaps, upCase)
  }

  /// The clusters of a file, in order. There are never more than a bitmap can have.
  private mutating func clusters(of file: SystemFile) throws -> [UInt64] {
    var result: [UInt64] = []
    var next = file.firstCluster
    let count = min(file.length, (volume.clusterCount + 7) / 8 + volume.cluster) / volume.cluster + 1
    while exists(next), UInt64(result.count) < count, UInt64(result.count) * volume.cluster < file.length {
      result.append(next)
      next = try entry(of: next)
    }
    return result
  }

  /// The entry of a cluster that exists: the number of the next one.
  private mutating func entry(of number: UInt64) throws -> UInt64 {
    let start = activeTable + number * ExFATVolume.entryBytes
    if !window.range.contains(start) {
      let from = start - start % windowBytes
      let to = min(from + windowBytes, device.size)
      window = (from..<max(from, to), try device.bytes(at: from, count: Int(max(from, to) - from)))
    }
    return window.bytes.little(at: Int(start - window.range.lowerBound), width: Int(ExFATVolume.entryBytes))
  }

  private var activeTable: UInt64 { volume.tableStart + volume.active * volume.table }

  /// In bytes of the device.
  private func badClusters() throws -> [Range<UInt64>] {
    var bad = UnitRuns(start: volume.firstCluster, unit: volume.cluster)
    var cluster: UInt64 = 0
    let start = activeTable + first * ExFATVolume.entryBytes
    try device.read(start..<start + volume.clusterCount * ExFATVolume.entryBytes) { bytes in
      for offset in stride(from: 0, to: bytes.count, by: Int(ExFATVolume.entryBytes)) {
        if bytes.little(at: offset, width: Int(ExFATVolume.entryBytes)) == badCluster { try bad.add(cluster) }
        cluster += 1
      }
    }
    return bad.ranges
  }
}
