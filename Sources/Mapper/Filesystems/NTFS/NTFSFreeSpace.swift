import BlockStack
import Bytes
import NTFSRecords

/// NTFS's free clusters, from the bitmap of clusters in `$Bitmap`, and what lies behind the last cluster.
enum NTFSFreeSpace {
  /// - Parameter known: what `NTFSMetadata` found.
  static func areas(on device: some DeviceBytes, known: [DeviceArea]) throws -> [DeviceArea] {
    guard device.size >= UInt64(BootSector.size), let boot = BootSector(try device.bytes(at: 0, count: BootSector.size))
    else { throw SpaceError.incomplete }
    let clusters = min(boot.clusterCount, device.size / boot.clusterSize)
    var pieces: [Range<UInt64>] = []
    var end: UInt64 = 0
    for area in known.filter({ $0.name == "$Bitmap" }).sorted(by: { $0.offset < $1.offset }) {
      // A part that is missing would shift all others.
      guard area.offset == end, let next = end.plus(area.range.upperBound - area.range.lowerBound) else { break }
      pieces.append(area.range)
      end = next
    }
    let bitmap = AllocationBitmap(pieces: pieces, count: clusters)
    let behind = clusters * boot.clusterSize..<device.size
    let others = known.map(\.range).sorted { $0.lowerBound < $1.lowerBound }
    return try bitmap.freeAreas(on: device, start: 0, blockSize: boot.clusterSize)
      + [behind].subtracting(others).map { DeviceArea(kind: .unallocated, range: $0) }
  }
}
