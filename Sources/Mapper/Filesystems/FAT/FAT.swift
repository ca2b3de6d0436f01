import BlockStack

/// FAT12, FAT16 and FAT32.
struct FAT: FilesystemType {
  let names: [Substring] = ["vfat"]

  func areas(on device: some DeviceBytes, known: [DeviceArea]) throws -> [DeviceArea] {
    guard let volume = FATVolume(try device.bytes(at: 0, count: FATVolume.bootSectorBytes)) else {
      throw SpaceError.incomplete
    }
    var areas = volume.metadata
    areas += try volume.clusters(on: device)
    return areas
  }
}
