import BlockStack
import DiskImage

/// Cached volumes. What is only in the cache is found in the cache's metadata.
extension Guest {
  /// Follows a cached volume.
  ///
  /// The kernel changes the metadata as soon as the volume is active, and may write dirty blocks back. So the metadata
  /// is read from the disks as they were before. On an encrypted device that is not possible, and the kernel must say
  /// that no block is dirty.
  mutating func readCache(
    _ volume: Substring, _ metadata: Substring, _ cache: Substring, _ origin: Substring, _ table: inout DeviceTable
  ) throws {
    let size = table.size(of: volume) ?? 0
    if table.isMade(of: Set(openedDevices.compactMap { inventory.number(of: $0.name) }), metadata) {
      guard table.cleanCaches.contains(volume) else {
        let reason = "its cache is encrypted, and holds changes that are not in the volume itself yet"
        return table.add(.init(reason: reason, isGap: false), of: volume)
      }
      let whole = DeviceTable.Segment(range: 0..<size, target: .linear(Target.Leg(device: origin, offset: 0)))
      return table.addMetadataTarget(volume, madeOf: [whole])
    }
    do {
      var disks: [Int: any VirtualDisk] = [:]
      defer { for disk in disks.values { disk.close() } }
      for number in set.disks { disks[number] = try openOriginalDisk(number) }
      let pieces = CachedDevice(DeviceAtRest(metadata, of: table, on: disks))
      let read = try CacheMetadata { try pieces.block($0) }
      guard let segments = read.segments(origin: origin, cache: cache, size: size) else {
        return giveUp(volume, "the metadata of its cache cannot be used: its numbers are too large", &table)
      }
      table.addMetadataTarget(volume, madeOf: segments)
      let stale = read.stale(size: size).map { DeviceArea(name: "stale blocks", range: $0, offset: $0.lowerBound) }
      volumeStores.append(VolumeStore(content: store(of: volume, on: origin, table), areas: stale))
    } catch {
      try checkHelpers()
      giveUp(volume, "the metadata of its cache cannot be used: \(oneLine(error))", &table)
    }
  }
}
