import Guestfs

/// Devices that have a copy in the same appliance. The copy is on the same disk, because copies on other disks are
/// in another set, or it is visible through a snapshot volume.
extension Inventory {
  /// Whether the appliance sees a copy of a device.
  package func hasTwin(_ device: ProbedDevice) -> Bool { !twins(of: device).isEmpty }

  /// Whether the device holds a single-device Btrfs filesystem that has a copy. The kernel uses the copy that was
  /// scanned last.
  package func isBtrfsTwin(_ device: ProbedDevice) -> Bool {
    device.type == "btrfs" && hasTwin(device)
      && devices.allSatisfy { $0.type != "btrfs" || $0.uuid != device.uuid || $0.part == device.part }
  }

  package func twins(of device: ProbedDevice) -> [ProbedDevice] {
    guard let identity = device.identity else { return [] }
    return devices.filter { $0.identity == identity && $0.name != device.name && !isSame($0.name, device.name) }
  }

  /// Whether one device is a partition of the other. A superblock at the end of the device, as in some md formats,
  /// is then at the end of both.
  private func isSame(_ one: [UInt8], _ other: [UInt8]) -> Bool {
    let (whole, part) = one.count < other.count ? (one, other) : (other, one)
    guard part.starts(with: whole), let last = whole.last else { return false }
    let rest = part.dropFirst(whole.count)
    let isDigit = { (byte: UInt8) in (0x30...0x39).contains(byte) }
    return isDigit(last)
      ? rest.first == UInt8(ascii: "p") && rest.dropFirst().allSatisfy(isDigit) : rest.allSatisfy(isDigit)
  }
}

extension ProbedDevice {
  /// The identity by which the appliance finds copies. Nil if the device is not a member, or if its UUIDs do not
  /// identify it.
  package var identity: DiskMember.Identity? {
    guard let kind = DiskMember.Kind(rawValue: String(type)), !uuid.isEmpty else { return nil }
    switch kind {
    case .lvm, .luks: return DiskMember.Identity(kind: kind, id: String(uuid))
    // In md metadata version 0.90, a device has only the UUID of its array.
    case .array, .btrfs: return part.isEmpty ? nil : DiskMember.Identity(kind: kind, id: "\(uuid) \(part)")
    }
  }
}

extension Guest {
  /// If any Btrfs filesystem has a copy, makes the kernel forget all unmounted Btrfs devices and then scan the
  /// devices of the filesystem to be mounted.
  package func scanBtrfsDevices(of mountable: [UInt8]) throws(GuestfsError) {
    guard let device = inventory.device(under: mountable), device.type == "btrfs",
      inventory.devices.contains(where: { inventory.isBtrfsTwin($0) })
    else { return }
    let isTwin = inventory.isBtrfsTwin(device)
    let devices = inventory.devices.filter {
      isTwin ? $0.name == device.name : $0.type == "btrfs" && $0.uuid == device.uuid
    }
    let names = devices.map { "$(readlink -f /dev/block/\($0.number))" }.joined(separator: " ")
    _ = try appliance.shell("btrfs device scan --forget 2>&1; btrfs device scan \(names) 2>&1; true")
  }

  /// The LVM configuration, for the appliance's shell, that hides the copies of physical volumes. Without it, LVM
  /// would activate nothing. Empty if there are no copies.
  package var filterOfTwins: String {
    var seen: Set<DiskMember.Identity> = []
    let copies = inventory.devices.filter { device in
      guard device.type == "LVM2_member", let identity = device.identity else { return false }
      return !seen.insert(identity).inserted
    }
    guard !copies.isEmpty else { return "" }
    let patterns = copies.map { "\"r|^$(readlink -f /dev/block/\($0.number))\\$|\"" }
    return "devices{filter=[\(patterns.joined(separator: ",")),\"a|.*|\"]}"
      .replacing("\"", with: "\\\"")
  }

  /// Warns about copies that are not mapped.
  package mutating func warnOfTwins() {
    for (index, device) in inventory.devices.enumerated() where !devices.isInVolume(device.number[...]) {
      guard let kind = device.identity?.kind, kind != .luks, !inventory.isBtrfsTwin(device) else { continue }
      let twins = inventory.twins(of: device)
      // Of two Btrfs copies with several devices, one is mapped, with all its devices. The kernel decides which.
      let earlier = Set(inventory.devices[..<index].map(\.name))
      let other = twins.first { twin in
        kind == .btrfs ? earlier.contains(twin.name) : devices.isInVolume(twin.number[...])
      }
      guard let other else { continue }
      incomplete += 1
      reporter.warning(
        "\(shown(device.name)) is a copy of \(shown(other.name)), \(kind.description): only one of them can be mapped; "
          + "to map this one, give its disk without the other")
    }
  }
}
