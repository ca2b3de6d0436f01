import Appliance
import BlockMap
import BlockStack
import DiskImage
import Glibc
import Guestfs

/// The last step of a run: checks whether what was found explains the content of all devices, and adds
/// those that are empty as unallocated space.
struct CoverageCheck {
  let guest: Guest
  /// Which problems to tolerate when virt-bmap opens the disks itself.
  let options: OpenOptions

  /// Warns about each device with content that the map does not cover, and says why.
  ///
  /// If everything is recognized, no device is read.
  func warn(_ draft: inout MapDraft) throws {
    for name in guest.inventory.unusable {
      warn(&draft, of: name, type: "", "its name has unexpected bytes in it; it was not examined")
    }
    let uses = try DeviceUses(asking: guest)
    for volume in uses.missingVolumes {
      draft.warnOfGap(
        "\(shown(volume)): this dynamic disk volume (LDM) is missing; if its group has other disks, give them all"
      )
    }
    var search = DeviceSearch(disks: guest.guestDisks, options: options, isCancelled: guest.isCancelled)
    defer { search.close() }
    for device in guest.inventory.devices {
      switch facts(of: device, uses).coverage {
      case .explained: continue
      case .unexplained(let reason): warn(&draft, of: device.name, type: device.type, reason)
      case .unexplainedIfFilled(let reason, let margin):
        switch try content(of: device, margin: margin, &search) {
        case .onlyZeros: addUnallocated(device, to: &draft)
        case .data: warn(&draft, of: device.name, type: device.type, reason)
        case .tooLarge:
          warn(
            &draft, of: device.name, type: device.type,
            "nothing is recognized on it, and it is too large to be read to its end: it begins with zeros only")
        }
      }
    }
    // The external journals of ext3 and ext4, and the external logs of XFS.
    for (type, name) in [("jbd", "journal"), ("xfs_external_log", "log")] {
      for device in guest.inventory.devices where device.type == type {
        draft.add(.metadata, device.name, path: Array(name.utf8), guest.wholeLocations(of: device) ?? [])
      }
    }
  }

  /// Adds a device that nobody uses. It may have an empty partition table.
  private func addUnallocated(_ device: ProbedDevice, to draft: inout MapDraft) {
    guard let end = guest.devices.end(of: device.number[...]) else { return }
    draft.add(
      UnusedSpace.areas(of: 0..<end, without: draft.tables[device.number, default: []]), of: device, guest.devices)
  }

  private func warn(_ draft: inout MapDraft, of device: [UInt8], type: Substring, _ reason: String) {
    let kind = type.isEmpty ? "" : " (\(type))"
    draft.warnOfGap("\(shown(device))\(kind): \(reason)")
  }

  private func facts(of device: ProbedDevice, _ uses: DeviceUses) -> DeviceFacts {
    let number = device.number[...]
    var facts = DeviceFacts(type: device.type, tableType: device.tableType)
    facts.candidates = Candidates(device.candidates).all
    facts.partition = device.partition
    facts.hasPartitions = guest.devices.hasPartitions(number) || (device.type.isEmpty && hasNestedPartitions(device))
    // An array has members even if it is not running, so only holders count as use.
    facts.isInUse =
      device.type == "linux_raid_member"
      ? uses.held.contains(number) : guest.isPart(device) || guest.openedDevices.contains { $0.source == device.name }
    facts.isDone =
      guest.doneDevices.contains(device.name)
      || device.type == "btrfs"
        && guest.inventory.devices.contains { $0.uuid == device.uuid && guest.doneDevices.contains($0.name) }
    facts.isKnownToLVM = uses.physicalVolumes.contains(number)
    return facts
  }

  /// Whether other partitions lie inside this one, as those of a BSD disklabel do. In a Sun label, all partitions lie
  /// inside the one that spans the whole disk.
  private func hasNestedPartitions(_ device: ProbedDevice) -> Bool {
    let number = device.number[...]
    guard !guest.devices.isDisk(number), let locations = guest.devices.locations(of: number), locations.count == 1,
      let location = locations.first
    else { return false }
    return guest.partitions[location.disk, default: []].contains { inner in
      inner.range != location.range && location.range.clamped(to: inner.range) == inner.range
    }
  }

  /// Searches a device, except for `margin` bytes at its start and at its end.
  private func content(
    of device: ProbedDevice, margin: UInt64, _ search: inout DeviceSearch
  ) throws -> ContentSearch.Answer {
    let number = device.number[...]
    let isDecrypted = guest.devices.isMade(
      of: Set(guest.openedDevices.compactMap { guest.inventory.number(of: $0.name) }), number)
    if var locations = guest.wholeLocations(of: device), let end = guest.devices.end(of: number) {
      guard end > 2 * margin else { return .onlyZeros }
      locations = margin == 0 ? locations : guest.devices.locations(of: margin..<end - margin, on: number) ?? locations
      // Unwritten parts of a disk read as zeros, whatever they decrypt to. Ciphertext, though, says nothing about the
      // content.
      if let answer = try search.look(at: locations), !isDecrypted || answer != .data { return answer }
    }
    return try contentInAppliance(of: device)
  }

  /// How long a device is read in the appliance if the disks do not show its content, in seconds.
  private static let maximumSecondsInAppliance = 30

  private func contentInAppliance(of device: ProbedDevice) throws -> ContentSearch.Answer {
    do {
      let text = try guest.appliance.shell(
        """
        d=/dev/block/\(device.number)
        timeout \(Self.maximumSecondsInAppliance) cmp -s -n $(blockdev --getsize64 $d) $d /dev/zero; echo $?
        """)
      return switch String(decoding: text, as: UTF8.self).filter({ !$0.isWhitespace }) {
      case "0": .onlyZeros
      case "1": .data
      case "124": .tooLarge
      default: try contentThatCannotBeRead()
      }
    } catch is GuestfsError {
      return try contentThatCannotBeRead()
    }
  }

  /// A device that exists but cannot be read may hold anything, so it counts as data. But if the disk's server is
  /// gone, the run has failed, and the recorder takes a moment to notice.
  private func contentThatCannotBeRead() throws -> ContentSearch.Answer {
    for _ in 0..<10 {
      try guest.checkHelpers()
      usleep(100_000)
    }
    try guest.checkHelpers()
    return .data
  }
}
