import BlockStack

/// exFAT.
struct ExFAT: FilesystemType {
  let names: [Substring] = ["exfat"]

  func areas(on device: some DeviceBytes, known: [DeviceArea]) throws -> [DeviceArea] {
    guard let volume = ExFATVolume(try device.bytes(at: 0, count: ExFATVolume.bootSectorBytes)) else {
      throw SpaceError.incomplete
    }
    var clusters = ExFATClusters(volume: volume, device: device)
    return try volume.metadata + clusters.areas()
  }
}
