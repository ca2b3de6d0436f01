import BlockMap

/// The names whose first read begins a phase of a boot. They are compared in lower case, because Windows and UEFI do
/// not distinguish it.
enum PhaseNames {
  /// Longer paths begin no phase.
  private static let maximumPath = 1024

  static func phase(of object: ObjectID, _ table: borrowing ObjectTable) -> BootPhase.Name? {
    switch table.kind(of: object) {
    case .boot: return .bootLoader
    case .file: break
    default: return nil
    }
    return table.withPath(of: object) { path in
      guard let path, path.count <= maximumPath else { return nil }
      return phase(of: String(decoding: path, as: UTF8.self).lowercased())
    }
  }

  /// - Parameter path: in lower case.
  private static func phase(of path: String) -> BootPhase.Name? {
    let parts = path.split(separator: "/")
    guard let name = parts.last else { return nil }
    // The kernel comes first, because it may lie in a directory of the boot loader.
    if isKernel(name, parts.dropLast()) { return .kernel }
    if isLoader(name, path) { return .bootLoader }
    let directory = parts.dropLast().last ?? ""
    if early.contains(name), programDirectories.contains(directory) || parts.count == 1 { return .userspace }
    if services.contains(name), programDirectories.contains(directory) { return .services }
    return nil
  }

  private static func isKernel(_ name: Substring, _ directories: ArraySlice<Substring>) -> Bool {
    if ["ntoskrnl.exe", "hal.dll"].contains(name) { return directories.last == "system32" }
    if ["vmlinuz", "vmlinux", "bzimage", "initrd", "initramfs"].contains(where: { name.hasPrefix($0) }) { return true }
    // kernel-install's, in a directory for each version; a unified kernel image; FreeBSD's.
    if name == "linux", directories.count == 2 || directories.count == 3, directories.first != "usr" { return true }
    if name.hasSuffix(".efi"), directories.suffix(2).elementsEqual(["efi", "linux"]) { return true }
    return name == "kernel" && directories.suffix(2).elementsEqual(["boot", "kernel"])
  }

  private static let loaderDirectories = [
    "/boot/grub/", "/boot/grub2/", "/grub/", "/grub2/", "/boot/efi/", "/efi/", "/boot/extlinux/", "/extlinux/",
    "/boot/syslinux/", "/syslinux/", "/isolinux/", "/boot/loader/", "/loader/", "/boot/limine/", "/limine/",
  ]

  private static let loaderFiles: Set<Substring> = [
    "bootmgr", "bcd", "ntldr", "ldlinux.sys", "ldlinux.c32", "winload.exe", "winload.efi",
  ]

  private static func isLoader(_ name: Substring, _ path: String) -> Bool {
    loaderFiles.contains(name) || loaderDirectories.contains { path.hasPrefix($0) }
  }

  private static let programDirectories: Set<Substring> = [
    "bin", "sbin", "libexec", "systemd", "system32", "networkmanager", "accountsservice", "init",
  ]

  /// The first programs after the kernel.
  private static let early: Set<Substring> = [
    "init", "systemd", "busybox", "openrc-init", "runit", "runit-init", "s6-svscan", "dinit", "smss.exe", "launchd",
  ]

  /// What begins when the system is set up.
  private static let services: Set<Substring> = [
    "agetty", "getty", "login", "dbus-daemon", "dbus-broker", "dbus-broker-launch", "systemd-logind",
    "systemd-networkd", "systemd-user-sessions", "networkmanager", "dhclient", "dhcpcd", "sshd", "dropbear", "cron",
    "crond", "rsyslogd", "syslog-ng", "chronyd", "ntpd", "polkitd", "gdm", "gdm3", "lightdm", "sddm", "qemu-ga",
    "services.exe", "winlogon.exe", "svchost.exe", "lsass.exe",
  ]
}
