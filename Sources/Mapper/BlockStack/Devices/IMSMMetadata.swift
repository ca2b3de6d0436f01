import Bytes

/// The metadata of Intel's firmware RAID (IMSM), which is the same on all disks of a container. It says which part of
/// which disk each array uses. All numbers are little-endian, and sizes are in sectors of 512 bytes.
package struct IMSMMetadata: Equatable {
  package struct Volume: Equatable {
    /// As it is in the metadata: up to 16 bytes of any kind.
    package var name: [UInt8]
    package var level: Int
    /// In bytes.
    package var chunk: UInt64
    /// The start and the size of the array's part of each disk, in sectors.
    package var offset: UInt64
    package var size: UInt64
    /// The index of the disk in each slot; nil if that disk failed.
    package var slots: [Int?]
    /// Whether the array is being rebuilt, or changed to another layout.
    package var isChanging: Bool
  }

  /// The number of the container.
  package var family: UInt64
  /// How often the metadata was changed.
  package var generation: UInt64
  /// The port of each disk. There is also a serial number, which an image of the disk does not have.
  package var ports: [UInt64]
  package var volumes: [Volume]

  /// The most bytes of metadata. Real metadata has two or three sectors.
  package static let maximumBytes = 64 << 10
  package static let sector = 512
  private static let signature = Array("Intel Raid ISM Cfg Sig. ".utf8)
  private static let (diskStart, diskSize, mapStart) = (216, 48, 112)

  /// The size of the metadata in whole sectors, in bytes; nil if it does not begin in this sector.
  package static func size(from anchor: [UInt8]) -> Int? {
    guard anchor.count >= sector, anchor.starts(with: signature) else { return nil }
    let size = Int(anchor.little(at: 36, width: 4))
    return (diskStart...maximumBytes).contains(size) ? (size + sector - 1) / sector * sector : nil
  }

  /// - Parameter bytes: the anchor, and what is too long for it. Nil if these bytes are damaged.
  package init?(_ bytes: [UInt8]) {
    guard let size = Self.size(from: bytes), bytes.count >= size else { return nil }
    let words = stride(from: 0, to: Int(bytes.little(at: 36, width: 4)) / 4 * 4, by: 4)
    let sum = words.reduce(UInt64(0)) { $0 &+ bytes.little(at: $1, width: 4) } &- bytes.little(at: 32, width: 4)
    guard sum & 0xffff_ffff == bytes.little(at: 32, width: 4) else { return nil }
    (family, generation) = (bytes.little(at: 40, width: 4), bytes.little(at: 44, width: 4))
    let (disks, count) = (Int(bytes[56]), Int(bytes[57]))
    var start = Self.diskStart + disks * Self.diskSize
    guard start <= size else { return nil }
    ports = (0..<disks).map { bytes.little(at: Self.diskStart + $0 * Self.diskSize + 20, width: 4) }
    volumes = []
    for _ in 0..<count {
      guard let (volume, length) = Self.volume(bytes, at: start, size: size, disks: disks) else { return nil }
      if let volume { volumes.append(volume) }
      start += length
    }
  }

  /// Returns a volume, or nil if it is of a kind that does not exist, and the size of its description; nil if that is
  /// not within the metadata.
  private static func volume(
    _ bytes: [UInt8], at start: Int, size end: Int, disks: Int
  ) -> (volume: Volume?, length: Int)? {
    let map = start + mapStart
    guard map + 48 <= end else { return nil }
    let members = Int(bytes[map + 16])
    let isChanging = bytes[start + 88] != 0
    // An array that is being changed has a second map.
    var length = mapStart + 48 + 4 * members
    if isChanging {
      guard start + length + 48 <= end else { return nil }
      length += 48 + 4 * Int(bytes[start + length + 16])
    }
    guard start + length <= end else { return nil }
    let level = bytes[map + 15] == 1 && members == 4 ? 10 : Int(bytes[map + 15])
    let size = bytes.little(at: start + 16, width: 8)
    let chunk = bytes.little(at: map + 12, width: 2) * UInt64(sector)
    guard let parts = parts(level, of: members), chunk > 0, size > 0, size < 1 << 50, size.isMultiple(of: 2 * parts)
    else { return (nil, length) }
    let slots = (0..<members).map { slot -> Int? in
      // The highest byte has flags: the disk is being rebuilt, or has failed.
      let entry = bytes.little(at: map + 48 + 4 * slot, width: 4)
      return entry < disks ? Int(entry) : nil
    }
    let volume = Volume(
      name: Array(bytes[start..<start + 16].prefix { $0 != 0 }), level: level, chunk: chunk,
      offset: bytes.little(at: map, width: 4) | bytes.little(at: map + 20, width: 4) << 32, size: size / parts,
      slots: slots, isChanging: isChanging)
    return (volume.offset < 1 << 50 ? volume : nil, length)
  }

  /// The number of disks of an array that hold different data; nil if there is no such array.
  private static func parts(_ level: Int, of members: Int) -> UInt64? {
    switch (level, members) {
    case (0, 2...): UInt64(members)
    case (1, 2): 1
    case (5, 3...): UInt64(members - 1)
    case (10, 4): 2
    default: nil
    }
  }

  /// Returns the disk in each slot of a volume: an index into `found`, or nil if it is missing.
  /// - Parameters:
  ///   - found: the number of the container's disks that are there. They are expected in the order of their ports.
  /// - Returns: nil if it is not known which disk is which.
  package func members(of volume: Volume, found: Int) -> [Int?]? {
    let working = volume.slots.compactMap { $0 }
    guard Set(working).count == working.count, (1...max(1, ports.count)).contains(found) else { return nil }
    if found < ports.count {
      // Both disks of a mirror are the same.
      guard volume.level == 1, ports.count == 2, working.count == 2 else { return nil }
      return [0, nil]
    }
    // `order[n]` is the disk at the port with the n-th lowest number.
    let order = ports.indices.sorted { (ports[$0], $0) < (ports[$1], $1) }
    guard Set(ports).count == ports.count else { return nil }
    return volume.slots.map { disk in disk.flatMap { order.firstIndex(of: $0) } }
  }
}
