import BlockStack
import Bytes

/// UDF (ECMA-167 and "Universal Disk Format Specification").
struct UDF: FilesystemType {
  let names: [Substring] = ["udf"]

  /// The tags of descriptors.
  private enum Tag {
    static let anchor: UInt64 = 2
    static let partition: UInt64 = 5
    static let logicalVolume: UInt64 = 6
    static let spaceBitmap: UInt64 = 264
  }

  /// The offset of the volume recognition sequence.
  private static let recognition: UInt64 = 32 << 10
  private static let anchorBlock: UInt64 = 256
  private static let sectorSizes: [UInt64] = [512, 2048, 4096]
  private static let maximumDescriptors: UInt64 = 256

  /// Finds the volume descriptors through the anchor, and the free space through the partition descriptor.
  func areas(on device: some DeviceBytes, known: [DeviceArea]) throws -> [DeviceArea] {
    for sector in Self.sectorSizes {
      guard let anchor = try descriptor(Tag.anchor, at: Self.anchorBlock * sector, on: device) else { continue }
      return try areas(on: device, sector: sector, anchor: anchor)
    }
    return []
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
    // The tag's checksum is the sum of its other bytes.
    let sum = bytes[..<16].enumerated().reduce(UInt8(0)) { $1.offset == 4 ? $0 : $0 &+ $1.element }
    return bytes.little(at: 0, width: 2) == tag && sum == bytes[4] ? bytes : nil
  }
}

extension UInt64 {
  fileprivate func subtracting(_ other: UInt64) -> UInt64? { self >= other ? self - other : nil }
}
