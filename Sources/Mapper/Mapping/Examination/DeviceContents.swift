import Appliance
import BlockMap

/// Describes what is on the guest's devices, for the header of the map.
extension Examiner {
  mutating func describeDevices() {
    let opened = Set(guest.openedDevices.compactMap { guest.inventory.number(of: $0.name) })
    for device in guest.inventory.devices {
      let isEncrypted = guest.devices.isMade(of: opened, device.number[...])
      guard !device.type.isEmpty || isEncrypted else { continue }
      map.addDevice(DeviceDescription(name: device.name, type: Array(device.type.utf8), isEncrypted: isEncrypted))
    }
  }

  /// Adds each array that holds a filesystem or a partition table, as a volume. An array that is part of other devices
  /// is in the map only through them.
  mutating func examineArrays() {
    for array in guest.inventory.arrays {
      guard let device = guest.inventory.devices.first(where: { $0.name == array }),
        device.holdsFilesystem || guest.devices.hasPartitions(device.number[...])
      else { continue }
      guard let places = guest.devices.places(of: device.number[...]), !places.isEmpty else {
        guest.reporter.detail(
          "\(shown(array)): it is in too many pieces or not supported, and is not in the map itself")
        continue
      }
      add(.logicalVolume, array, places)
    }
  }

  /// Adds the opened encrypted devices to the map.
  mutating func examineOpenedDevices() {
    for device in guest.openedDevices {
      guard let number = guest.inventory.number(of: device.name), let places = guest.devices.places(of: number) else {
        continue
      }
      add(.logicalVolume, device.name, places)
    }
  }
}
