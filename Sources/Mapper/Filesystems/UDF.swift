import BlockStack
import Bytes

/// UDF (ECMA-167 and "Universal Disk Format Specification").
struct UDF: RestNaming {
  let names: [Substring] = ["udf"]

  /// The tags of descriptors.
  private enum Tag {
    static let anchor: UInt64 = 2
    static let partition: UInt64 = 5
    static let logicalVolume: UInt64 = 6
    static let spaceBitmap: UInt64 = 264
  }

  /// What the map calls other descriptors, which lie between the files.
  private static let names: [UInt64: String] = [
    8: "terminating descriptor", 256: "file set descriptor", 258: "allocation extents", 259: "file entries",
    260: "file entries", 261: "file entries", 262: "extended attributes", 266: "file entries",
  ]

  /// The offset of the volume recognition sequence.
  private static let recognition: UInt64 = 32 << 10
  private static let anchorBlock: UInt64 = 256
  private static let sectorSizes: [UInt64] = [512, 2048, 4096]
  private static let maximumDescriptors: UInt64 = 256
  /// The most blocks of which the tags are read: more than the files of a disk.
  private static let maximumExamined: UInt64 = 1 << 24

  /// Finds the volume descriptors through the anchor, and the free space through the partition descriptor.
  func areas(on device: some DeviceBytes, known: [DeviceArea]) throws -> [DeviceArea] {
    guard let (sector, anchor) = try anchor(on: device) else { return [] }
    return try areas(on: device, sector: sector, anchor: anchor)
  }

  /// Blocks in a partition that are in use and begin with the tag of a descriptor that belongs there.
  func nameRest(of space: inout UnnamedSpace, on device: some DeviceBytes) throws {
    guard let (sector, anchor) = try anchor(on: device) else { return }
    let reader = BufferedBytes(device)
    var found: [String: [Range<UInt64>]] = [:]
    var examined: UInt64 = 0
    for partition in try partitions(on: device, sector: sector, anchor: anchor) {
      let start = partition.little(at: 188, width: 4) * sector
      let end = start + partition.little(at: 192, width: 4) * sector
      for range in space.ranges.map({ $0.clamped(to: start..<end) }) where !range.isEmpty {
        let first = (range.lowerBound - start + sector - 1) / sector
        for block in first..<max(first, (range.upperBound - start) / sector) {
          examined += 1
          guard examined <= Self.maximumExamined else { throw SpaceError.tooManyPieces }
          let tag = try reader.bytes(at: start + block * sector, count: 16)
          guard isTag(tag), tag.little(at: 12, width: 4) == block,
            let name = Self.names[tag.little(at: 0, width: 2)]
          else { continue }
          found[name, default: []].append(start + block * sector..<start + (block + 1) * sector)
        }
      }
    }
    for (name, ranges) in found.sorted(by: { $0.key < $1.key }) { space.name(name, ranges) }
  }

  /// The size of a sector, and the descriptor that says where the others are.
  private func anchor(on device: some DeviceBytes) throws -> (UInt64, [UInt8])? {
    for sector in Self.sectorSizes {
      if let anchor = try descriptor(Tag.anchor, at: Self.anchorBlock * sector, on: device) { return (sector, anchor) }
    }
    return nil
  }

  /// The partition descriptors in the main sequence.
  private func partitions(on device: some DeviceBytes, sector: UInt64, anchor: [UInt8]) throws -> [[UInt8]] {
    let main = anchor.little(at: 20, width: 4) * sector
    let count = min(anchor.little(at: 16, width: 4) / sector, Self.maximumDescriptors)
    return try (0..<count).compactMap { try descriptor(Tag.partition, at: main + $0 * sector, on: device) }
  }

  private func areas(on device: some DeviceBytes, sector: UInt64, anchor: [UInt8]) throws -> [DeviceArea] {
    var areas: [DeviceArea] = []
    areas.add("system area", at: 0, count: Self.recognition, kind: .boot)
    areas.add("volume recognition sequence", at: Self.recognition, count: 3 * max(2048, sector))
    areas.add("anchor", at: Self.anchorBlock * sector, count: sector)
    let lastSector = device.size / sector * sector
    for copy in [lastSector.subtracting(257 * sector), lastSector.subtracting(sector)] {
      if let copy, try descriptor(Tag.anchor, at: copy, on: device) != nil {
        areas.add("backup anchor", at: copy, count: sector)
      }
    }
    let main = anchor.little(at: 20, width: 4) * sector
    let length = anchor.little(at: 16, width: 4)
    areas.add("volume descriptors", at: main, count: length)
    areas.add(
      "reserve volume descriptors", at: anchor.little(at: 28, width: 4) * sector, count: anchor.little(at: 24, width: 4)
    )
    var partitions: [Range<UInt64>] = []
    for number in 0..<min(length / sector, Self.maximumDescriptors) {
      let offset = main + number * sector
      if let volume = try descriptor(Tag.logicalVolume, at: offset, on: device) {
        areas.add(
          "logical volume integrity", at: volume.little(at: 436, width: 4) * sector,
          count: volume.little(at: 432, width: 4))
      }
      guard let partition = try descriptor(Tag.partition, at: offset, on: device) else { continue }
      let start = partition.little(at: 188, width: 4) * sector
      partitions.append(start..<start + partition.little(at: 192, width: 4) * sector)
      areas += try space(of: partition, sector: sector, on: device)
    }
    // Outside its partitions, UDF stores nothing but descriptors.
    guard !partitions.isEmpty else { return areas }
    return areas + UnusedSpace.areas(of: 0..<device.size, without: areas.map(\.range) + partitions)
  }

  /// The space bitmap of a partition, and what it says is free.
  private func space(
    of partition: [UInt8], sector: UInt64, on device: some DeviceBytes
  ) throws -> [DeviceArea] {
    let start = partition.little(at: 188, width: 4) * sector
    let blocks = partition.little(at: 192, width: 4)
    let size = partition.little(at: 64, width: 4) & 0x3fff_ffff
    let bitmap = start + partition.little(at: 68, width: 4) * sector
    guard size > 24, let header = try descriptor(Tag.spaceBitmap, at: bitmap, on: device) else { return [] }
    var areas: [DeviceArea] = []
    areas.add("space bitmap", at: bitmap, count: (size + sector - 1) / sector * sector)
    // In this bitmap, a 1 stands for a free block.
    let bits = min(header.little(at: 16, width: 4), blocks)
    return try areas
      + AllocationBitmap(pieces: [bitmap + 24..<bitmap + size], count: bits, freeBit: 1)
      .freeAreas(on: device, start: start, blockSize: sector)
  }

  /// The first 512 bytes of a descriptor with this tag; nil if there is none.
  private func descriptor(_ tag: UInt64, at offset: UInt64, on device: some DeviceBytes) throws -> [UInt8]? {
    guard let end = offset.plus(512), end <= device.size else { return nil }
    let bytes = try device.bytes(at: offset, count: 512)
    return bytes.little(at: 0, width: 2) == tag && isTag(Array(bytes[..<16])) ? bytes : nil
  }

  /// Whether the checksum of a tag is right: the sum of its other bytes.
  private func isTag(_ tag: [UInt8]) -> Bool {
    tag.count == 16 && tag[4] == tag.enumerated().reduce(0) { $1.offset == 4 ? $0 : $0 &+ $1.element }
  }
}

extension UInt64 {
  fileprivate func subtracting(_ other: UInt64) -> UInt64? { self >= other ? self - other : nil }
}
