import BlockStack
import Bytes
import Guestfs

/// Thin volumes, snapshots and cached volumes. Where their data is, is not in their tables but in metadata on other devices.
extension Guest {
  /// A volume that stores other volumes, and what it uses itself.
  package struct VolumeStore {
    /// The name of the volume in the map, with the number of the device that holds the areas.
    package var content: ProbedDevice
    package var areas: [DeviceArea]
  }

  /// Follows the thin volumes, snapshots and cached volumes in the device table, and finds out which parts of their stores are unused.
  mutating func readMetadataTargets(_ table: inout DeviceTable) throws {
    volumeStores = []
    for (pool, target) in table.metadataTargets.sorted(by: { $0.key < $1.key }) {
      if case .pool(let metadata, let data) = target { try readPool(pool, metadata, data, &table) }
    }
    for (volume, target) in table.metadataTargets.sorted(by: { $0.key < $1.key }) {
      switch target {
      case .snapshot(let origin, let store): try readSnapshot(volume, origin, store, &table)
      case .cached(let metadata, let cache, let origin): try readCache(volume, metadata, cache, origin, &table)
      case .pool, .thin: continue
      }
    }
  }

  private mutating func readPool(
    _ pool: Substring, _ metadata: Substring, _ data: Substring, _ table: inout DeviceTable
  ) throws {
    let pieces = CachedDevice(device(metadata, table))
    var volumes: [(name: Substring, number: UInt64, origin: Substring?)] = []
    for (name, target) in table.metadataTargets {
      if case .thin(pool, let number, let origin) = target { volumes.append((name, number, origin)) }
    }
    let content = store(of: pool, on: data, table)
    let whose = "the metadata of the thin pool \(shown(content.name)) cannot be used"
    let read: ThinMetadata
    do {
      read = try ThinMetadata { try pieces.block($0) }
    } catch {
      try checkHelpers()
      for volume in volumes { giveUp(volume.name, "\(whose): \(oneLine(error))", &table) }
      return
    }
    for (name, number, origin) in volumes {
      let size = table.size(of: name) ?? 0
      guard read.damaged[number] == nil, var segments = read.segments(of: number, data: data, size: size) else {
        let reason = read.damaged[number].map { "\($0)" } ?? "its numbers are too large"
        giveUp(name, "\(whose): \(reason)", &table)
        continue
      }
      if let origin { segments = Self.filled(segments, size: min(size, table.size(of: origin) ?? 0), origin) }
      table.addMetadataTarget(name, madeOf: segments)
    }
    guard read.damaged.isEmpty, let size = table.size(of: data) else { return }
    volumeStores.append(
      VolumeStore(content: content, areas: UnusedSpace.areas(of: 0..<size, without: read.used)))
  }

  /// Says that a volume cannot be followed. If nothing is recognized on it, nothing else is said about it.
  mutating func giveUp(_ volume: Substring, _ reason: String, _ table: inout DeviceTable) {
    table.add(.init(reason: reason, isGap: true), of: volume)
    if let device = inventory.devices.first(where: { $0.number == volume }), device.type.isEmpty {
      doneDevices.insert(device.name)
    }
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
    let pieces = CachedDevice(device(store, table))
    do {
      let read = try SnapshotStore(size: pieces.device.size) { try pieces.bytes(at: $0, count: $1) }
      table.addMetadataTarget(
        volume, madeOf: read.segments(origin: origin, store: store, size: table.size(of: volume) ?? 0))
      var tables = read.tables.map { DeviceArea(name: "snapshot exceptions", range: $0) }
      tables.concatenate { _ in true }
      volumeStores.append(
        VolumeStore(
          content: self.store(of: volume, on: store, table),
          areas: tables + UnusedSpace.areas(of: 0..<pieces.device.size, without: read.used + read.tables)))
    } catch {
      try checkHelpers()
      giveUp(volume, "the store of this snapshot cannot be used: \(oneLine(error))", &table)
    }
  }

  private func device(_ number: Substring, _ table: DeviceTable) -> ApplianceDevice {
    ApplianceDevice(Array("/dev/block/\(number)".utf8), size: table.size(of: number) ?? 0, of: appliance)
  }

  /// A pool that is in use has no device of its own, but a hidden one with its name.
  func store(of volume: Substring, on device: Substring, _ table: DeviceTable) -> ProbedDevice {
    let name =
      inventory.devices.first { $0.number == volume }?.name
      ?? set.nameInMap(Array(MapperName.device(table.mapperNames[volume] ?? "").utf8))
    return ProbedDevice(name: name, number: String(device), type: "", uuid: "")
  }
}
