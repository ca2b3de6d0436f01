import Bytes
import Glibc
import Guestfs

extension Guest {
  /// Mounts on /sysroot, with readahead, in KiB, set before: ntfs-3g opens its device when it is mounted.
  ///
  /// Tries again where a device is not there: while the kernel reads a partition table, there are no partitions.
  package func mount(_ filesystem: Guestfs.Filesystem, readahead: Int = 0) throws(GuestfsError) {
    guard let device = inventory.device(under: filesystem.mountable) else {
      throw GuestfsError("\(shown(filesystem.mountable)): there is no such device")
    }
    var attempts = 3
    while true {
      do {
        // A partition has its disk's.
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

  /// Unmounts what is on /sysroot, which something in the appliance may be using.
  package func unmount() throws {
    do {
      try appliance.unmountAll()
    } catch {
      try checkHelpers()
      _ = try? appliance.shell("umount -l /sysroot; true")
    }
  }

  /// What the shell and mount(8) say where it is not there.
  private static let missingDevice = [String(cString: strerror(ENOENT)), "can't cd to"]

  /// How a filesystem is mounted that is on a device.
  package func filesystem(on device: ProbedDevice) -> Guestfs.Filesystem {
    var filesystem = Guestfs.Filesystem(mountable: device.name, type: Array(device.type.utf8))
    if !device.mountedTypes.isEmpty { filesystem.mountType = String(device.type) }
    // The superblock has the journal's device by the number that it had when the guest made it.
    if let journal = inventory.journal(of: device) {
      filesystem.options.append("journal_path=\(String(decoding: inAppliance(journal.name), as: UTF8.self))")
    }
    return filesystem
  }

  /// Why a filesystem could not be mounted: what the kernel says of it since, or else mount(8).
  package func reason(_ error: GuestfsError, _ filesystem: Guestfs.Filesystem) -> String {
    guard let device = inventory.device(under: filesystem.mountable) else { return shown(error.firstLine) }
    let text = try? appliance.longShell(
      "basename $(readlink -f /dev/block/\(device.number)); dmesg | tail -n \(KernelLog.mostLines)")
    let lines = String(decoding: text ?? [], as: UTF8.self).lines
    let log = KernelLog(kernelName: lines.first ?? "", lines: lines.dropFirst())
    return shown(log.reason ?? KernelLog.withoutGuesses(withNamesOfMap(error.firstLine)))
  }

  /// A message in which devices are called as the map calls them.
  private func withNamesOfMap(_ message: String) -> String {
    let names = inventory.devices.map { (String(decoding: inAppliance($0.name), as: UTF8.self), shown($0.name)) }
    // The name of the first disk is the beginning of the tenth's.
    return names.sorted { $0.0.utf8.count > $1.0.utf8.count }.reduce(message) { $0.replacing($1.0, with: $1.1) }
  }
}

private func shown(_ text: String) -> String { shown(Array(text.utf8)) }
