import Bytes
import Guestfs

/// Btrfs filesystems that lack devices.
extension Guest {
  /// The timeout of a mount. Replaying a large journal may take minutes. A mount that hangs in the kernel cannot be
  /// killed, so the appliance is killed instead.
  private static let mountPatience = Duration.seconds(1800)

  /// Mounts a filesystem on /sysroot. A Btrfs filesystem that lacks devices is mounted with those that are there.
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
        // The error of the mount without the option is more helpful.
        throw first
      }
    }
  }

  /// Warns if the Btrfs filesystem on /sysroot lacks devices.
  package mutating func warnOfMissingDevices(of filesystem: Guestfs.Filesystem) throws {
    // Warn only once, not again for each subvolume.
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

/// The number of devices of a Btrfs filesystem, and how many are present, according to `btrfs filesystem show`.
package struct BtrfsDevices {
  package var total = 0
  package var present = 0

  package init(parsing text: String) {
    for line in text.lines {
      let fields = line.fields
      if fields.starts(with: ["Total", "devices"]), fields.count > 2 { total = Int(UInt32(fields[2]) ?? 0) }
      // A missing device has the path MISSING, or no line at all.
      if fields.first == "devid", fields.last != "MISSING", fields.contains("path") { present += 1 }
    }
  }

  package var missing: Int { max(0, total - present) }
}
