import Testing

@testable import Appliance

/// Why a filesystem could not be mounted, from the kernel's messages.
struct MountingTests {
  private static func reason(_ log: String, _ name: Substring = "sda1") -> String? {
    KernelLog(kernelName: name, lines: log.split(separator: "\n")).reason
  }

  @Test(arguments: [
    (
      "[   60.0] EXT4-fs (sda1): couldn't mount because of unsupported optional features (40000000)",
      "EXT4-fs: couldn't mount because of unsupported optional features (40000000)"
    ),
    (
      "[   66.463417] SGI XFS with ACLs, security attributes\n[   66.49] XFS (sda1): Invalid superblock magic number",
      "XFS: Invalid superblock magic number"
    ),
    (
      "[ 1.0] BTRFS: device fsid 12 devid 1 transid 7 /dev/sda1 scanned by mount (300)\n"
        + "[ 1.1] BTRFS error (device sda1): cannot mount because of unknown incompat features (0x80000)\n"
        + "[ 1.2] BTRFS error (device sda1): open_ctree failed",
      "BTRFS error: cannot mount because of unknown incompat features (0x80000); BTRFS error: open_ctree failed"
    ),
    // Some messages do not name the device.
    ("[   63.899019] ISOFS: Unable to identify CD-ROM format.", "ISOFS: Unable to identify CD-ROM format."),
    // Messages about another device are ignored.
    ("[ 1.0] XFS (sda11): bad\n[ 1.1] XFS (sda1): worse", "XFS: worse"),
  ])
  func theKernelsReason(log: String, expected: String) {
    #expect(Self.reason("[ 0.1] EXT4-fs (sda1): an old story\n[ 0.5] \(KernelLog.mark)\n\(log)") == expected)
  }

  @Test func noReason() {
    #expect(Self.reason("[ 0.1] EXT4-fs (sda1): an old story\n[ 0.5] \(KernelLog.mark)") == nil)
    #expect(Self.reason("[ 0.5] \(KernelLog.mark)\n[ 0.6] SGI XFS with ACLs") == nil)
  }

  /// A filesystem can cause many kernel messages.
  @Test func noMoreThanALine() throws {
    let log = (0..<100).map { "[ 1.\($0)] XFS (sda1): \($0) \(String(repeating: "x", count: 500))" }
    let reason = try #require(Self.reason(log.joined(separator: "\n")))
    #expect(reason.count <= 300 && reason.hasPrefix("XFS: 98 "))
  }

  @Test func whatMountGuesses() {
    let guesses = "mount: /sysroot: wrong fs type, bad option, bad superblock on /dev/sda1, missing codepage or helper"
    #expect(!KernelLog.withoutGuesses(guesses).contains("missing codepage"))
    let known = "mount exited with status 32: mount: /sysroot: unknown filesystem type 'ReFS'."
    #expect(KernelLog.withoutGuesses(known).contains("unknown filesystem type 'ReFS'"))
  }

  @Test(
    arguments: [
      (["filesystem:xfs", "filesystem:iso9660"], ["xfs", "iso9660"], ["xfs", "iso9660"]),
      (["filesystem:iso9660", "filesystem:xfs"], ["iso9660", "xfs"], ["xfs", "iso9660"]),
      (
        ["raid:LVM2_member", "filesystem:ext4:1.0", "filesystem:zfs_member:5000"],
        ["LVM2_member", "ext4", "zfs_member"], ["ext4"]
      ),
      (["filesystem:ext4", "filesystem:ext4", "other:swap"], ["ext4", "swap"], ["ext4"]),
      // Malformed types are never passed to a program.
      (["filesystem:$(x)", "xfs", "filesystem:"], [], []),
    ] as [([Substring], [Substring], [Substring])])
  func candidates(found: [Substring], all: [Substring], filesystems: [Substring]) {
    let candidates = Candidates(found)
    #expect(candidates.all == all && candidates.filesystems == filesystems)
  }

  @Test func anExternalJournal() {
    func device(_ name: String, _ type: Substring, _ uuid: Substring, journal: Substring = "") -> ProbedDevice {
      var device = ProbedDevice(name: Array(name.utf8), number: name, type: type, uuid: uuid)
      device.journal = journal
      return device
    }
    let inventory = Inventory(devices: [
      device("/dev/sda1", "ext4", "1", journal: "3"), device("/dev/sda2", "ext4", "3"), device("/dev/sda3", "jbd", "3"),
      device("/dev/sdb1", "ext4", "4", journal: "5"), device("/dev/sdc", "jbd", ""), device("/dev/sdd", "ext4", "6"),
    ])
    let journals = inventory.devices.map { inventory.journal(of: $0)?.number }
    #expect(journals == ["/dev/sda3", nil, nil, nil, nil, nil])
  }

  @Test func whatAPartitionIsOn() {
    func device(_ name: String) -> ProbedDevice {
      ProbedDevice(name: Array(name.utf8), number: name, type: "", uuid: "")
    }
    let inventory = Inventory(devices: [
      device("/dev/sda"), device("/dev/sda1"), device("/dev/sdaa"), device("/dev/sdaa12"), device("/dev/md127"),
      device("/dev/md127p1"),
    ])
    #expect(
      ["/dev/sda1", "/dev/sdaa12", "/dev/md127p1"].map { inventory.whole(of: device($0))?.number }
        == ["/dev/sda", "/dev/sdaa", "/dev/md127"])
  }
}
