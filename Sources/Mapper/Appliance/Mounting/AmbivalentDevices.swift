import BlockMap
import Bytes
import Filesystems

/// Devices on which blkid(8) finds more than one signature. The data of a filesystem can look like the superblock
/// of another, and an older filesystem can leave its superblock behind.
extension Guest {
  /// Tries which of the filesystems on each device the kernel mounts, and uses the first of them.
  package mutating func settleAmbivalentDevices() throws {
    for index in inventory.devices.indices where !inventory.devices[index].candidates.isEmpty {
      let device = inventory.devices[index]
      guard !isPart(device) else { continue }
      let types = Candidates(device.candidates)
      guard !types.filesystems.isEmpty else { continue }
      let mounted = try types.filesystems.filter { try mounts(device, as: $0) }
      guard let first = mounted.first else { continue }
      inventory.devices[index].type = first
      inventory.devices[index].mountedTypes = mounted
      // blkid(8) printed no UUID. Any value will do that differs from those of other devices.
      if device.uuid.isEmpty { inventory.devices[index].uuid = device.number[...] }
    }
  }

  /// Warns about each of these devices and says what it is mapped as.
  package mutating func reportAmbivalentDevices() {
    for device in inventory.devices where !device.mountedTypes.isEmpty {
      let found = Candidates(device.candidates).all.joined(separator: ", ")
      let others = device.mountedTypes.dropFirst().joined(separator: ", ")
      if others.isEmpty {
        reporter.warning(
          "\(shown(device.name)): it looks like several things (\(found)); the kernel mounts it as \(device.type) only, "
            + "so it is mapped as that")
      } else {
        incomplete += 1
        reporter.warning(
          "\(shown(device.name)): it looks like several things (\(found)); it is mapped as \(device.type), but the kernel "
            + "mounts it as \(others) too; wipefs(8) removes what an older filesystem left")
      }
    }
  }

  private func mounts(_ device: ProbedDevice, as type: Substring) throws -> Bool {
    var device = device
    device.type = type
    device.mountedTypes = [type]
    var filesystem = filesystem(on: device)
    // Do not replay the journal of an older filesystem: it would overwrite parts of the current one.
    if let option = filesystemType(named: type).optionWithoutReplay(for: type) { filesystem.options.append(option) }
    do {
      try mount(filesystem)
      try appliance.unmountAll()
      return true
    } catch {
      try checkHelpers()
      reporter.detail("\(shown(device.name)): not mounted as \(type): \(reason(error, filesystem))")
      return false
    }
  }
}

/// The signatures that blkid(8) found on one device.
package struct Candidates: Equatable {
  /// The blkid(8) types of all signatures.
  package var all: [Substring] = []
  /// The types that the kernel may be able to mount, in the order to try them.
  package var filesystems: [Substring] = []

  /// The maximum number of signatures, more than any real device has.
  private static let maximum = 16

  /// - Parameter found: the usage, type and version of each signature: `filesystem:xfs`, `raid:LVM2_member:LVM2
  ///   001` …
  package init(_ found: [Substring]) {
    for candidate in found.prefix(Self.maximum) {
      let parts = candidate.parts(between: ":")
      guard parts.count >= 2, parts[1].utf8.allSatisfy(isNameByte), !all.contains(parts[1]) else { continue }
      all.append(parts[1])
      if parts[0] == "filesystem", DeviceDescription.isFilesystem(parts[1]) { filesystems.append(parts[1]) }
    }
    // Try disc filesystems last. They leave the first 32 KiB of the device unused, so their signatures can be part
    // of another filesystem's data.
    let discs: Set<Substring> = ["iso9660", "udf"]
    filesystems = filesystems.filter { !discs.contains($0) } + filesystems.filter { discs.contains($0) }
  }
}
