import Bytes
import Glibc
import Guestfs

/// Encrypted devices. Their contents are visible only after they are opened.
extension Guest {
  /// An encrypted device that is open.
  package struct OpenedDevice {
    /// The name of the opened device in the map: `/dev/mapper/luks-UUID`.
    package var name: [UInt8]
    /// The name of the encrypted device.
    package var source: [UInt8]
  }

  /// The maximum nesting of encrypted devices, more than any real guest has.
  private static let maximumDepth = 8

  /// Opens every encrypted device that there is a key for, including nested ones, and then takes the inventory
  /// again.
  package mutating func openEncryptedDevices(on disks: [[UInt8]]) throws {
    var tried: Set<[UInt8]> = []
    for depth in 0..<Self.maximumDepth {
      try startArrays()
      inventory = try probe(disks)
      if try depth == 0 && startFirmwareArrays() { inventory = try probe(disks) }
      if try activateSkippedVolumes() { inventory = try probe(disks) }
      if try activateIncompleteGroups() {
        hasIncompleteGroups = true
        inventory = try probe(disks)
      }
      let found = inventory.devices.filter { $0.isEncrypted && tried.insert($0.name).inserted }
      var isOneOpen = false
      for device in found where try open(device) { isOneOpen = true }
      guard isOneOpen else { return }
      // An opened device may be part of a volume group.
      try appliance.activateVolumes()
    }
    inventory = try probe(disks)
  }

  /// Opens a device. Returns false if the device stays closed; this is reported here only if keys were tried.
  private mutating func open(_ device: ProbedDevice) throws -> Bool {
    let uuid = Array(device.uuid.utf8)
    // A copy is opened with the key of its original.
    let names = [device.name, set.nameInAppliance(device.name)]
    let keys = keys.filter { key in names.contains { key.opens(device: $0, uuid: uuid) } }
    // A missing key is reported later, once all devices have been examined.
    guard !keys.isEmpty else { return false }
    let id = device.uuid.isEmpty ? device.number.replacing(":", with: "-") : String(device.uuid)
    // blkid(8) finds no UUID of BitLocker.
    var name = device.isBitLocker ? "bitlk-\(parts(of: device))" : "luks-\(id)"
    // The device is a copy on the same disk, so the name is already taken.
    if openedDevices.contains(where: { $0.name == set.nameInMap(Array("/dev/mapper/\(name)".utf8)) }) {
      name += "-dev-\(parts(of: device))"
    }
    reporter.message("opening \(shown(device.name)) ...")
    var reason = ""
    for key in keys {
      do {
        if device.isBitLocker {
          try openBitLocker(device, key.passphrase, as: name)
        } else {
          try appliance.openEncrypted(inAppliance(device.name), key: key.passphrase, as: name)
        }
        openedDevices.append(OpenedDevice(name: set.nameInMap(Array("/dev/mapper/\(name)".utf8)), source: device.name))
        return true
      } catch {
        try checkHelpers()
        reason = oneLine(error)
      }
    }
    incomplete += 1
    doneDevices.insert(device.name)
    reporter.warning("\(shown(device.name)): none of the keys opens this encrypted device: \(reason)")
    return false
  }

  /// The name of a device without `/dev/`, such as `vg-home`.
  private func parts(of device: ProbedDevice) -> String {
    String(decoding: set.nameInAppliance(device.name), as: UTF8.self).parts(between: "/").dropFirst()
      .joined(separator: "-")
  }

  /// Opens a BitLocker device with a password, a recovery key, or the content of a startup key file. libguestfs takes
  /// no key with a NUL in it, as a startup key has.
  private func openBitLocker(_ device: ProbedDevice, _ key: [UInt8], as name: String) throws {
    let file = "/tmp/virt-bmap-key"
    try appliance.upload(key, name: file, mode: 0o600)
    let output = try appliance.shell(
      """
      timeout 600 cryptsetup open --type bitlk --key-file \(file) /dev/block/\(device.number) \(name) 2>&1 | head -c 4096
      rm -f \(file); \(Self.settled)
      """)
    let isOpen = try appliance.shell("[ -e /dev/mapper/\(name) ] && echo yes; true")
    guard isOpen.first == UInt8(ascii: "y") else {
      let reason = String(decoding: output, as: UTF8.self).lines.first
      throw GuestfsError(reason.map { String($0) } ?? "cryptsetup does not accept it")
    }
  }
}
