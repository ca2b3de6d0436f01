import Bytes
import Guestfs

/// Btrfs of which a device is not there.
extension Guest {
  /// A mount that replays a large journal may take minutes. One that hangs in the kernel cannot be ended by itself.
  private static let mountPatience = Duration.seconds(1800)

  /// Mounts on /sysroot; a Btrfs filesystem that misses devices, with what is there.
  package func mountOnRoot(_ device: ProbedDevice, _ filesystem: Guestfs.Filesystem) throws(GuestfsError) {
    let watchdog = ApplianceWatchdog(patience: Self.mountPatience)
    defer { watchdog.stop() }
    try scanBtrfsDevices(of: filesystem.mountable)
    let name = inAppliance(device.name)
    do {
      try appliance.mount(name, options: filesystem.options, type: filesystem.mountType)
    } catch let first {
      guard device.type == "btrfs" else { throw first }
      do {
        try appliance.mount(name, options: filesystem.options + ["degraded"], type: filesystem.mountType)
      } catch {
        // Why it cannot be mounted without the option says more.
        throw first
      }
    }
  }

  /// Names the devices that the Btrfs filesystem on /sysroot misses.
  package mutating func warnOfMissingDevices(of filesystem: Guestfs.Filesystem) throws {
    // Of its subvolumes the same would be said.
    guard filesystem.type.elementsEqual("btrfs".utf8), inventory.number(of: filesystem.mountable) != nil else { return }
    let text = String(
      decoding: try appliance.shell("LC_ALL=C btrfs filesystem show --raw /sysroot 2>&1; true"), as: UTF8.self)
    let missing = BtrfsDevices(parsing: text).missing
    guard missing > 0 else { return }
    incomplete += 1
    reporter.warning(
      "filesystem on \(shown(filesystem.mountable)) (btrfs): \(missing) of its devices \(missing > 1 ? "are" : "is") "
        + "missing, and data on it is not mapped; give that disk, too")
  }
}

/// How many devices a Btrfs filesystem has, and how many are there, as `btrfs filesystem show` says it.
package struct BtrfsDevices {
  package var total = 0
  package var present = 0

  package init(parsing text: String) {
    for line in text.lines {
      let fields = line.fields
      if fields.starts(with: ["Total", "devices"]), fields.count > 2 { total = Int(UInt32(fields[2]) ?? 0) }
      // A device that is missing has the path MISSING, or no line at all.
      if fields.first == "devid", fields.last != "MISSING", fields.contains("path") { present += 1 }
    }
  }

  package var missing: Int { max(0, total - present) }
}
