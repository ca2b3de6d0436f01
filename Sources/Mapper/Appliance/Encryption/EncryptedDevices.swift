import Bytes
import Glibc
import Guestfs

/// Encrypted devices: what is in them is seen once they are open.
extension Guest {
  /// A device that was opened by its key.
  package struct OpenedDevice {
    /// As the map names it: `/dev/mapper/luks-UUID`.
    package var name: [UInt8]
    /// The encrypted device.
    package var source: [UInt8]
  }

  /// More layers than anybody has.
  private static let maximumDepth = 8

  /// Opens every encrypted device that a key is given for, those inside of others too, and takes the inventory of what
  /// is there then.
  package mutating func openEncryptedDevices(on disks: [[UInt8]]) throws {
    var tried: Set<[UInt8]> = []
    for _ in 0..<Self.maximumDepth {
      try startArrays()
      inventory = try probe(disks)
      if try activateSkippedVolumes() { inventory = try probe(disks) }
      if try activateIncompleteGroups() {
        hasIncompleteGroups = true
        inventory = try probe(disks)
      }
      let found = inventory.devices.filter { $0.isEncrypted && tried.insert($0.name).inserted }
      var isOneOpen = false
      for device in found where try open(device) { isOneOpen = true }
      guard isOneOpen else { return }
      // What was opened may be part of a volume group.
      try appliance.activateVolumes()
    }
    inventory = try probe(disks)
  }

  /// False, and it is said why, if the device stays closed.
  private mutating func open(_ device: ProbedDevice) throws -> Bool {
    let uuid = Array(device.uuid.utf8)
    // A copy is opened by the key of what it is a copy of.
    let names = [device.name, set.nameInAppliance(device.name)]
    let keys = keys.filter { key in names.contains { key.opens(device: $0, uuid: uuid) } }
    // That there is no key is said when all has been looked at.
    guard !keys.isEmpty else { return false }
    var name = "luks-" + (device.uuid.isEmpty ? device.number.replacing(":", with: "-") : String(device.uuid))
    // A copy on the same disk.
    if openedDevices.contains(where: { $0.name == set.nameInMap(Array("/dev/mapper/\(name)".utf8)) }) {
      name +=
        "-"
        + String(decoding: set.nameInAppliance(device.name), as: UTF8.self).parts(between: "/").joined(separator: "-")
    }
    reporter.message("opening \(shown(device.name)) ...")
    var reason = ""
    for key in keys {
      do {
        try appliance.openEncrypted(inAppliance(device.name), key: key.passphrase, as: name)
        openedDevices.append(OpenedDevice(name: set.nameInMap(Array("/dev/mapper/\(name)".utf8)), source: device.name))
        return true
      } catch {
        try checkHelpers()
        reason = error.firstLine
      }
    }
    incomplete += 1
    doneDevices.insert(device.name)
    reporter.warning("\(shown(device.name)): none of the keys opens this encrypted device: \(reason)")
    return false
  }
}
