import Bytes
import Glibc
import Guestfs

extension Guest {
  /// Mounts a filesystem on /sysroot. Readahead, in KiB, is set first, because ntfs-3g opens the device when it is
  /// mounted.
  ///
  /// Retries if a device is missing: while the kernel rereads a partition table, there are no partitions.
  package func mount(_ filesystem: Guestfs.Filesystem, readahead: Int = 0) throws(GuestfsError) {
    guard let device = inventory.device(under: filesystem.mountable) else {
      throw GuestfsError("\(shown(filesystem.mountable)): there is no such device")
    }
    var attempts = 3
    while true {
      do {
        // A partition uses the queue of its disk.
        _ = try appliance.shell(
          """
          \(Self.settled)
          echo '\(KernelLog.mark)' > /dev/kmsg
          cd -P /sys/dev/block/\(device.number) && { [ -e queue ] || cd ..; } && echo \(readahead) > queue/read_ahead_kb
          """)
        return try mountOnRoot(device, filesystem)
      } catch {
        attempts -= 1
        guard attempts > 0, Self.missingDevice.contains(where: error.description.contains) else { throw error }
      }
    }
  }

  /// Unmounts the filesystem on /sysroot, even if something in the appliance still uses it.
  package func unmount() throws {
    do {
      try appliance.unmountAll()
    } catch {
      try checkHelpers()
      _ = try? appliance.shell(
        "cd /; for m in $(grep -o ' /sysroot[^ ]*' /proc/mounts | sort -r); do umount -l $m; done")
    }
  }

  /// The messages of the shell and mount(8) if the device is missing.
  private static let missingDevice = [String(cString: strerror(ENOENT)), "can't cd to"]

  /// Returns the filesystem on a device, with the options to mount it.
  package func filesystem(on device: ProbedDevice) -> Guestfs.Filesystem {
    var filesystem = Guestfs.Filesystem(mountable: device.name, type: Array(device.type.utf8))
    if !device.mountedTypes.isEmpty { filesystem.mountType = String(device.type) }
    // The superblock identifies the journal device by the number that it had in the guest.
    if let journal = inventory.journal(of: device) {
      filesystem.options.append("journal_path=\(String(decoding: inAppliance(journal.name), as: UTF8.self))")
    }
    return filesystem
  }

  /// Returns why a filesystem could not be mounted: what the kernel logged since, or else mount(8)'s message.
  package func reason(_ error: GuestfsError, _ filesystem: Guestfs.Filesystem) -> String {
    guard let device = inventory.device(under: filesystem.mountable) else { return shown(error.firstLine) }
    let text = try? appliance.longShell(
      "basename $(readlink -f /dev/block/\(device.number)); dmesg | tail -n \(KernelLog.maximumLines)")
    let lines = String(decoding: text ?? [], as: UTF8.self).lines
    let log = KernelLog(kernelName: lines.first ?? "", lines: lines.dropFirst())
    return shown(log.reason ?? KernelLog.withoutGuesses(withNamesOfMap(error.firstLine)))
  }

  /// Replaces the appliance's device names in a message with the names in the map.
  private func withNamesOfMap(_ message: String) -> String {
    let names = inventory.devices.map { (String(decoding: inAppliance($0.name), as: UTF8.self), shown($0.name)) }
    // Replace longer names first: the appliance's name of the first disk is a prefix of the tenth disk's.
    return names.sorted { $0.0.utf8.count > $1.0.utf8.count }.reduce(message) { $0.replacing($1.0, with: $1.1) }
  }
}

private func shown(_ text: String) -> String { shown(Array(text.utf8)) }
