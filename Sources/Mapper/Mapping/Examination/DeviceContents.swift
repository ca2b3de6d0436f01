import BlockMap

/// What is on the guest's devices, for the header of the map.
extension Examiner {
  mutating func describeDevices() {
    let opened = Set(openedDevices.compactMap { inventory.number(of: $0.name) })
    for device in inventory.devices {
      let isEncrypted = devices.isMade(of: opened, device.number[...])
      guard !device.type.isEmpty || isEncrypted else { continue }
      map.addDevice(DeviceDescription(name: device.name, type: Array(device.type.utf8), isEncrypted: isEncrypted))
    }
  }

  /// An array that a filesystem or a partition table is on is a volume. One that is a part of others has no lines but theirs.
  mutating func examineArrays() {
    for array in inventory.arrays {
      guard let device = inventory.devices.first(where: { $0.name == array }),
        device.holdsFilesystem || devices.hasPartitions(device.number[...])
      else { continue }
      guard let places = devices.places(of: device.number[...]), !places.isEmpty else {
        reporter.detail("\(shown(array)): it is in too many pieces, or not followed, and itself is not in the map")
        continue
      }
      add(.logicalVolume, array, places)
    }
  }
}
