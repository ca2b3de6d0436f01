import BlockStack
import Bytes
import FATVolumes

@testable import Filesystems
@testable import Mapping

/// Filesystems that are read from their device for their free space. The input is the start of a device, mostly of
/// 2 MiB.
extension ParserFuzzer {
  static let fat = ParserFuzzer("fat") { bytes in
    let image = Image(bytes: Array(bytes))
    try checkAreas(of: FAT(), image, known: [])
    if let volume = FATVolume(image.bytes) { try checkChains(of: volume.clusters, image) }
  }

  static let exFAT = ParserFuzzer("exfat") { bytes in
    let image = Image(bytes: Array(bytes))
    try checkAreas(of: ExFAT(), image, known: [])
    if let volume = ExFATVolume(image.bytes) { try checkChains(of: volume.clusters, image) }
  }

  private static func checkChains(of clusters: Clusters, _ image: Image) throws {
    var table = AllocationTable(clusters)
    for first in 0..<16 {
      let chain = table.chain(from: UInt64(first), limit: 100) { range in
        (try? image.bytes(at: range.lowerBound, count: Int(range.upperBound - range.lowerBound))) ?? []
      }
      try check(chain.count <= 100 && chain.allSatisfy { clusters.exists($0) }, "a chain leads out of the volume")
      try check(chain.allSatisfy { clusters.range(of: $0).upperBound <= clusters.end }, "a cluster is behind the last")
    }
  }

  /// The device has 64 MiB.
  static let f2fs = ParserFuzzer("f2fs") {
    try checkAreas(of: F2FS(), Image(bytes: Array($0), size: 64 << 20), known: [])
  }

  /// ISO 9660, UDF, HFS+ and EROFS, each on the same device, of which all is in use. The input, of 8 KiB, is repeated:
  /// so it has all their headers, which are at other offsets.
  static let unnamedSpace = ParserFuzzer("unnamed-space") { bytes in
    let part = bytes.prefix(8192) + [UInt8](repeating: 0, count: 8192 - min(bytes.count, 8192))
    let image = Image(bytes: Array([[UInt8]](repeating: Array(part), count: 256).joined()))
    let types: [any RestNaming] = [ISO9660(), UDF(), HFSPlus(), EROFS()]
    for type in types {
      try checkAreas(of: type, image, known: [])
      var space = UnnamedSpace([0..<image.size])
      try? type.nameRest(of: &space, on: image)
      try checkAreas(space.areas)
      // Each byte is named once, and none beyond the end.
      let named = space.areas.map(\.range).merged
      let size = (named + space.ranges).reduce(0) { $0 + ($1.upperBound - $1.lowerBound) }
      try check(size == image.size && named.allSatisfy { $0.upperBound <= image.size }, "\(type): \(size) bytes")
    }
  }

  /// The bitmap is at the offset in the input's second kilobyte.
  static let ntfsSpace = ParserFuzzer("ntfs-space") { bytes in
    let image = Image(bytes: Array(bytes))
    let start = image.bytes.count > 1032 ? image.bytes[1024..<1032].reduce(0) { $0 << 8 | UInt64($1) } : 1024
    guard start < UInt64.max - 4096 else { return }
    try checkAreas(of: NTFS(), image, known: [DeviceArea(name: "$Bitmap", range: start..<start + 4096)])
  }

  /// The input is a whole device, of up to 8 KiB.
  static let deviceHeader = ParserFuzzer("device-header") { bytes in
    let image = Image(bytes: Array(bytes.prefix(8192)), size: 8192)
    for type in ["DM_verity_hash", "bcache", "drbd"] {
      let areas = try DeviceHeader(type: type[...])?.areas(on: image) ?? []
      try checkAreas(areas)
      try check(areas.allSatisfy { $0.range.upperBound <= image.size }, "\(type): beyond the device's end")
    }
  }

  private static func checkAreas(of type: some FilesystemType, _ image: Image, known: [DeviceArea]) throws {
    guard let areas = try? type.areas(on: image, known: known) else { return }
    try checkAreas(areas)
    // Whatever a bitmap says, each byte is free once.
    let free = areas.filter { $0.kind == .unallocated }.map(\.range).sorted { $0.lowerBound < $1.lowerBound }
    for (range, next) in zip(free, free.dropFirst()) {
      try check(range.upperBound <= next.lowerBound, "\(range) and \(next) are both free")
    }
  }

  private struct Image: DeviceBytes {
    let bytes: [UInt8]
    var size: UInt64 = 2 << 20

    struct BeyondItsEnd: Error {}

    func bytes(at offset: UInt64, count: Int) throws -> [UInt8] {
      guard offset <= size, UInt64(count) <= size - offset else { throw BeyondItsEnd() }
      let part = bytes.dropFirst(Int(offset)).prefix(count)
      return part + [UInt8](repeating: 0, count: count - part.count)
    }
  }
}
