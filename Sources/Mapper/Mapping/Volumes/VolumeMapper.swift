import Appliance
import BlockMap
import BlockStack

/// Adds the devices built on the disks and partitions to the map: logical volumes, arrays with their partitions and
/// parity, and open encrypted devices. Also describes all devices in the map's header.
struct VolumeMapper {
  let guest: Guest

  func addVolumes(to draft: inout MapDraft) {
    addLogicalVolumes(to: &draft)
    addArrays(to: &draft)
    PartitionMapper(guest: guest).addStackedPartitions(to: &draft)
    addOpenedDevices(to: &draft)
    addParity(to: &draft)
    describeDevices(in: &draft)
  }

  private func addLogicalVolumes(to draft: inout MapDraft) {
    for volume in guest.inventory.logicalVolumes {
      guest.reporter.message("examining \(shown(volume)) ...")
      draft.findings.logicalVolumes += 1
      guard let number = guest.inventory.number(of: volume) else { continue }
      guard let locations = guest.devices.locations(of: number), !locations.isEmpty else {
        guest.reporter.warning(
          "\(shown(volume)): this volume type is not supported: files inside it are mapped, the volume itself is not")
        continue
      }
      draft.add(.logicalVolume, volume, locations)
    }
  }

  /// Adds each array that holds a filesystem or a partition table, as a volume. An array that is only a component of
  /// other devices is in the map only through them.
  private func addArrays(to draft: inout MapDraft) {
    for array in guest.inventory.arrays {
      guard let device = guest.inventory.devices.first(where: { $0.name == array }),
        device.holdsFilesystem || guest.devices.hasPartitions(device.number[...])
      else { continue }
      guard let locations = guest.devices.locations(of: device.number[...]), !locations.isEmpty else {
        guest.reporter.detail(
          "\(shown(array)): it is in too many pieces or not supported, and is not in the map itself")
        continue
      }
      draft.add(.logicalVolume, array, locations)
    }
  }

  private func addOpenedDevices(to draft: inout MapDraft) {
    for device in guest.openedDevices {
      guard let number = guest.inventory.number(of: device.name), let locations = guest.devices.locations(of: number)
      else {
        continue
      }
      draft.add(.logicalVolume, device.name, locations)
    }
  }

  private func addParity(to draft: inout MapDraft) {
    for array in guest.inventory.arrays + guest.inventory.logicalVolumes {
      guard let number = guest.inventory.number(of: array) else { continue }
      draft.addParity(of: number, to: array, guest.devices)
    }
  }

  private func describeDevices(in draft: inout MapDraft) {
    let opened = Set(guest.openedDevices.compactMap { guest.inventory.number(of: $0.name) })
    for device in guest.inventory.devices {
      let isEncrypted = guest.devices.isMade(of: opened, device.number[...])
      guard !device.type.isEmpty || isEncrypted else { continue }
      draft.map.addDevice(DeviceDescription(name: device.name, type: Array(device.type.utf8), isEncrypted: isEncrypted))
    }
  }
}
