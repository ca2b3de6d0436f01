import BlockStack
import Bytes
import Guestfs

/// Thin volumes and snapshots. Where their data is, is not in their tables but in metadata on other devices.
extension Guest {
  /// A volume that stores other volumes, and what it uses itself.
  package struct VolumeStore {
    /// The name of the volume in the map, with the number of the device that holds the areas.
    package var content: ProbedDevice
    package var areas: [DeviceArea]
  }

  /// Follows the thin volumes and snapshots in the device table, and finds out which parts of their stores are unused.
  mutating func readMetadataTargets(_ table: inout DeviceTable) throws {
    volumeStores = []
    for (pool, target) in table.metadataTargets.sorted(by: { $0.key < $1.key }) {
      if case .pool(let metadata, let data) = target { try readPool(pool, metadata, data, &table) }
    }
    for (volume, target) in table.metadataTargets.sorted(by: { $0.key < $1.key }) {
      if case .snapshot(let origin, let store) = target { try readSnapshot(volume, origin, store, &table) }
    }
  }

  private mutating func readPool(
    _ pool: Substring, _ metadata: Substring, _ data: Substring, _ table: inout DeviceTable
  ) throws {
    let pieces = CachedDevice(metadata, size: table.size(of: metadata) ?? 0, of: appliance)
    var volumes: [(name: Substring, number: UInt64, origin: Substring?)] = []
    for (name, target) in table.metadataTargets {
      if case .thin(pool, let number, let origin) = target { volumes.append((name, number, origin)) }
    }
    let read: ThinMetadata
    do {
      read = try ThinMetadata { try pieces.block($0) }
    } catch {
      try checkHelpers()
      for volume in volumes {
        let reason = "the metadata of its thin pool cannot be used: \(oneLine(error))"
        table.add(.init(reason: reason, isGap: true), of: volume.name)
      }
      return
    }
    for (name, number, origin) in volumes {
      let size = table.size(of: name) ?? 0
      guard read.damaged[number] == nil, var segments = read.segments(of: number, data: data, size: size) else {
        let reason = read.damaged[number].map { "\($0)" } ?? "its numbers are too large"
        table.add(.init(reason: "the metadata of its thin pool cannot be used: \(reason)", isGap: true), of: name)
        continue
      }
      if let origin { segments = Self.filled(segments, size: min(size, table.size(of: origin) ?? 0), origin) }
      table.addMetadataTarget(name, madeOf: segments)
    }
    guard read.damaged.isEmpty, let size = table.size(of: data) else { return }
    volumeStores.append(
      VolumeStore(
        content: store(of: pool, on: data, table), areas: UnusedSpace.areas(of: 0..<size, without: read.used)))
  }

  /// Adds what a thin volume does not hold itself and reads from its external origin.
  /// - Parameter size: how much of the origin it reads, in bytes.
  private static func filled(
    _ segments: [DeviceTable.Segment], size: UInt64, _ origin: Substring
  ) -> [DeviceTable.Segment] {
    let holes = UnusedSpace.areas(of: 0..<size, without: segments.map(\.range)).map {
      DeviceTable.Segment(range: $0.range, target: .linear(Target.Leg(device: origin, offset: $0.range.lowerBound)))
    }
    return (segments + holes).sorted { $0.range.lowerBound < $1.range.lowerBound }
  }

  private mutating func readSnapshot(
    _ volume: Substring, _ origin: Substring, _ store: Substring, _ table: inout DeviceTable
  ) throws {
    let pieces = CachedDevice(store, size: table.size(of: store) ?? 0, of: appliance)
    do {
      let read = try SnapshotStore(size: pieces.device.size) { try pieces.bytes(at: $0, count: $1) }
      table.addMetadataTarget(
        volume, madeOf: read.segments(origin: origin, store: store, size: table.size(of: volume) ?? 0))
      let tables = read.tables.map { DeviceArea(name: "snapshot exceptions", range: $0) }
      volumeStores.append(
        VolumeStore(
          content: self.store(of: volume, on: store, table),
          areas: tables + UnusedSpace.areas(of: 0..<pieces.device.size, without: read.used + read.tables)))
    } catch {
      try checkHelpers()
      table.add(.init(reason: "the store of this snapshot cannot be used: \(oneLine(error))", isGap: true), of: volume)
    }
  }

  /// A pool that is in use has no device of its own, but a hidden one with its name.
  private func store(of volume: Substring, on device: Substring, _ table: DeviceTable) -> ProbedDevice {
    let name =
      inventory.devices.first { $0.number == volume }?.name
      ?? set.nameInMap(Array(MapperName.device(table.mapperNames[volume] ?? "").utf8))
    return ProbedDevice(name: name, number: String(device), type: "", uuid: "")
  }
}

/// Reads a device in pieces, and keeps the last ones.
private final class CachedDevice {
  let device: ApplianceDevice
  private var kept: [UInt64: [UInt8]] = [:]
  private var order: [UInt64] = []
  private var readBytes: UInt64 = 0

  private static let pieceBytes: UInt64 = 256 << 10
  private static let maximumKept = 256
  /// The most bytes that are read, four times the largest metadata of a pool that LVM makes.
  private static let maximumBytes: UInt64 = 64 << 30

  /// - Parameters:
  ///   - number: `MAJOR:MINOR`.
  ///   - size: in bytes.
  init(_ number: Substring, size: UInt64, of appliance: Guestfs) {
    device = ApplianceDevice(Array("/dev/block/\(number)".utf8), size: size, of: appliance)
  }

  /// A block of a thin pool's metadata.
  func block(_ number: UInt64) throws -> [UInt8] {
    let count = UInt64(ThinMetadata.blockBytes)
    guard let start = number.times(count), let end = start.plus(count), end <= device.size else {
      throw ThinMetadata.Failure.damaged(block: number)
    }
    return try bytes(at: start, count: Int(count))
  }

  func bytes(at offset: UInt64, count: Int) throws -> [UInt8] {
    var result: [UInt8] = []
    while result.count < count {
      let position = offset + UInt64(result.count)
      let piece = try piece(position / Self.pieceBytes)
      let start = Int(position % Self.pieceBytes)
      guard start < piece.count else { throw GuestfsError("a read beyond the device's end") }
      result += piece[start..<min(piece.count, start + count - result.count)]
    }
    return result
  }

  private func piece(_ number: UInt64) throws -> [UInt8] {
    if let piece = kept[number] { return piece }
    guard readBytes < Self.maximumBytes else { throw ThinMetadata.Failure.tooLarge }
    let start = number * Self.pieceBytes
    let count = min(Self.pieceBytes, device.size - min(device.size, start))
    let piece = try device.bytes(at: start, count: Int(count))
    readBytes += count
    if order.count >= Self.maximumKept { kept[order.removeFirst()] = nil }
    kept[number] = piece
    order.append(number)
    return piece
  }
}
