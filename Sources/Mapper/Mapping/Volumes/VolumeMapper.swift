import Appliance
import BlockMap
import BlockStack

/// Adds the devices built on the disks and partitions to the map: logical volumes, arrays with their partitions and
/// parity, and open encrypted devices. Also describes all devices in the map's header.
struct VolumeMapper {
  let guest: Guest

  func addVolumes(to draft: inout MapDraft) {
    addLogicalVolumes(to: &draft)
    addStores(to: &draft)
    addArrays(to: &draft)
    addMappedDevices(to: &draft)
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
      if let problem = guest.devices.problem(of: number) {
        warn(of: volume, problem, &draft)
        continue
      }
      guard let locations = guest.devices.locations(of: number) else {
        warn(of: volume, DeviceTable.Problem(reason: "a volume below it is not supported", isGap: false), &draft)
        continue
      }
      // A thin volume may be empty.
      draft.add(.logicalVolume, volume, locations)
    }
  }

  private func warn(of volume: [UInt8], _ problem: DeviceTable.Problem, _ draft: inout MapDraft) {
    let result =
      guest.doneDevices.contains(volume)
      ? "it is not mapped"
      : "files inside it are mapped as far as reading shows where they are, one copy of each; its metadata and free "
        + "space are not mapped"
    let text = "\(shown(volume)): \(problem.reason): \(result)"
    if problem.isGap { draft.warnOfGap(text) } else { guest.reporter.warning(text) }
  }

  /// Adds what thin pools and snapshots use for themselves, and what they leave unused.
  private func addStores(to draft: inout MapDraft) {
    for store in guest.volumeStores { draft.add(store.areas, of: store.content, guest.devices) }
  }

  /// Adds each array as a volume. A container has no space of its own, only the arrays in it have.
  private func addArrays(to draft: inout MapDraft) {
    for array in guest.inventory.arrays {
      guard let number = guest.inventory.number(of: array) else { continue }
      if let problem = guest.devices.problem(of: number) {
        warn(of: array, problem, &draft)
        continue
      }
      addVolume(array, number, to: &draft)
    }
  }

  /// Adds the device mapper's devices that do not belong to LVM, such as the volumes of dynamic disks. Devices with
  /// another name in the map are there already.
  private func addMappedDevices(to draft: inout MapDraft) {
    let others = Set(guest.inventory.logicalVolumes + guest.openedDevices.map(\.name))
    let prefix = Array("/dev/mapper/".utf8)
    for device in guest.inventory.devices where device.name.starts(with: prefix) && !others.contains(device.name) {
      addVolume(device.name, device.number[...], to: &draft)
    }
  }

  private func addVolume(_ name: [UInt8], _ number: Substring, to draft: inout MapDraft) {
    guard guest.devices.end(of: number) ?? 0 > 0 else { return }
    guard let locations = guest.devices.locations(of: number), !locations.isEmpty else {
      return guest.reporter.detail(
        "\(shown(name)): it is in too many pieces or not supported, and is not in the map itself")
    }
    draft.add(.logicalVolume, name, locations)
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
    var names = guest.inventory.arrays + guest.inventory.logicalVolumes
    names += guest.inventory.devices.map(\.name).filter { $0.starts(with: "/dev/mapper/".utf8) }
    var seen: Set<[UInt8]> = []
    for name in names where seen.insert(name).inserted {
      guard let number = guest.inventory.number(of: name) else { continue }
      draft.addParity(of: number, to: name, guest.devices)
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
