import BlockMap
import Bytes

/// Devices on which blkid(8) finds more than one thing: what a filesystem keeps may look like another's superblock, and
/// what was there before may have left one.
extension Guest {
  /// Finds out which of them the kernel mounts, and takes that for what is there.
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
      // None came with it; it is only to be told from others.
      if device.uuid.isEmpty { inventory.devices[index].uuid = device.number[...] }
    }
  }

  /// Says what was made of them.
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

  private static let withoutJournal: [Substring: String] = [
    "ext3": "noload", "ext4": "noload", "xfs": "norecovery", "btrfs": "rescue=nologreplay", "f2fs": "norecovery",
    "nilfs2": "norecovery",
  ]

  private func mounts(_ device: ProbedDevice, as type: Substring) throws -> Bool {
    var device = device
    device.type = type
    device.mountedTypes = [type]
    var filesystem = filesystem(on: device)
    // What an older filesystem left of its journal must not be written over the one that is there now.
    filesystem.options += Self.withoutJournal[type].map { [$0] } ?? []
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

/// What blkid(8) found on one device.
package struct Candidates: Equatable {
  /// As blkid(8) names them.
  package var all: [Substring] = []
  /// Of these, what the kernel may mount, in the order in which it is tried.
  package var filesystems: [Substring] = []

  /// More than anybody's devices have.
  private static let most = 16

  /// - Parameter found: `filesystem:xfs`, `raid:LVM2_member:LVM2 001` …: usage, type and version.
  package init(_ found: [Substring]) {
    for candidate in found.prefix(Self.most) {
      let parts = candidate.parts(between: ":")
      guard parts.count >= 2, parts[1].utf8.allSatisfy(Self.isNameByte), !all.contains(parts[1]) else { continue }
      all.append(parts[1])
      if parts[0] == "filesystem", DeviceDescription.isFilesystem(parts[1]) { filesystems.append(parts[1]) }
    }
    // The image of a disc may be in any other filesystem; nothing else begins so far behind the device's start.
    let discs: Set<Substring> = ["iso9660", "udf"]
    filesystems = filesystems.filter { !discs.contains($0) } + filesystems.filter { discs.contains($0) }
  }

  /// What gets near mount(8).
  private static func isNameByte(_ byte: UInt8) -> Bool {
    switch byte {
    case 0x30...0x39, 0x41...0x5a, 0x61...0x7a: true
    default: "+_.-".utf8.contains(byte)
    }
  }
}
