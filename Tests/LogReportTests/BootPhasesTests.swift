import Testing

@testable import LogReport

/// The names are those that real boots read: Debian's from a log of the logger, Windows's from its own documentation of
/// the boot.
@Suite struct BootPhasesTests {
  private func phases(_ names: [String]) throws -> [String] {
    let lines = names.enumerated().map { number, name in
      line(Double(number), UInt64(number) * 4096, 4096, name)
    }
    return try ReportedLog(lines.joined()).report.phases.all.map { "\($0.name.words) \($0.requests)" }
  }

  @Test func linux() throws {
    #expect(
      try phases([
        file("MBR", kind: "b", device: "/dev/sda"), file("/boot/grub/i386-pc/normal.mod"), file("/boot/grub/grub.cfg"),
        file("/boot/vmlinuz-6.1.0-43-amd64"), file("/boot/initrd.img-6.1.0-43-amd64"),
        // The kernel looks for partitions.
        file("MBR", kind: "b", device: "/dev/sda"), file("/usr/lib/systemd/systemd"), file("/etc/fstab"),
        file("/usr/lib/systemd/systemd-journald"), file("/usr/bin/dbus-daemon"), file("/usr/sbin/sshd"),
        file("/boot/vmlinuz-6.1.0-43-amd64"),
      ]) == ["boot loader 3", "kernel and initrd 3", "early userspace 3", "services 3"])
  }

  @Test func demoGuest() throws {
    #expect(
      try phases([
        file("MBR", kind: "b", device: "/dev/sda"), file("boot block", kind: "b"), file("/boot/extlinux/ldlinux.sys"),
        file("/boot/extlinux/extlinux.conf"), file("/boot/vmlinuz"), file("/boot/initrd.img"), file("/sbin/init"),
        file("/bin/busybox"),
      ]) == ["boot loader 4", "kernel and initrd 2", "early userspace 2"])
  }

  @Test func windows() throws {
    #expect(
      try phases([
        file("/EFI/Microsoft/Boot/bootmgfw.efi"), file("/EFI/Microsoft/Boot/BCD"),
        file("/Windows/System32/winload.efi"), file("/Windows/System32/ntoskrnl.exe"),
        file("/Windows/System32/config/SYSTEM"), file("/Windows/System32/drivers/disk.sys"),
        file("/Windows/System32/smss.exe"), file("/Windows/System32/csrss.exe"),
        file("/Windows/System32/services.exe"), file("/Windows/System32/svchost.exe"),
      ]) == ["boot loader 3", "kernel and initrd 3", "early userspace 2", "services 2"])
  }

  /// A system that runs reads the programs of services, and its kernel the partition table. Names that only look like
  /// programs begin nothing.
  @Test func logsOfNoBootHaveNone() throws {
    #expect(
      try phases([file("MBR", kind: "b", device: "/dev/sda"), file("/usr/sbin/sshd"), file("/usr/sbin/cron")]) == [])
    #expect(
      try phases([
        file("/etc/init.d/sshd"), file("/usr/share/doc/systemd"), file("/home/u/login"), file("/usr/src/linux"),
        file("/srv/a/b/c/linux"), file("/bin/init", kind: "d"),
      ]) == [])
    #expect(try phases([file("/srv/data")]) == [])
  }

  /// Only reads count, and a phase's most read objects are named in order.
  @Test func whatAPhaseReads() throws {
    let log = try ReportedLog(
      line(1, 0, 4096, file("/sbin/init"), "write") + line(2, 4096, 4096, file("/boot/vmlinuz"))
        + line(3, 8192, 512, file("/a")) + line(4, 8192, 512, file("/b"), "write") + line(5, 0, 1024, file("/c")))
    let phase = try #require(log.report.phases.all.first)
    #expect(log.report.phases.all.count == 1 && phase.name == .kernel)
    #expect((phase.requests, phase.bytes, phase.objects) == (3, 5632, 3))
    #expect((phase.begin, phase.end) == (2_000_000_000, 5_000_000_000))
    let names = phase.most.map { object, bytes in
      String(decoding: log.objects[object].path ?? [], as: UTF8.self) + " \(bytes)"
    }
    #expect(names == ["/boot/vmlinuz 4096", "/c 1024", "/a 512"])
  }
}
