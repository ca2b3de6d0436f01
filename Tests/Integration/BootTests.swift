import SystemPackage
import Testing

/// The demo guest boots with each kind of overlay, and the log names what it reads.
@Suite struct BootTests {
  private func boot(_ kind: OverlayKind) async throws -> DemoBoot { try await DemoBoot.of(kind) }

  /// Everything that was read, in the order of its first read.
  private func order(_ parts: [LogText.Part]) -> [String] {
    var seen: Set<String> = []
    return parts.flatMap {
      $0.objects.map { "\($0.kind) \($0.name.device)\($0.name.path.isEmpty ? "" : ":")\($0.name.path.text)" }
    }
    .filter { seen.insert($0).inserted }
  }

  @Test(arguments: OverlayKind.allCases) func theBootIsInTheLogInItsOrder(kind: OverlayKind) async throws {
    let boot = try await boot(kind)
    let order = order(boot.parts)
    #expect(boot.parts.first?.ranges.first?.lowerBound == 0, "the MBR")
    #expect(order.first == "b /dev/sda:MBR")
    let wanted =
      ["b /dev/sda:MBR", "b /dev/sda1:boot block"]
      + [
        "/boot/extlinux/ldlinux.sys", "/boot/extlinux/ldlinux.c32", "/boot/extlinux/extlinux.conf", "/boot/vmlinuz",
        "/boot/initrd.img", "/sbin/init", "/etc/hostname", "/etc/read-from-root", "/usr/share/demo/03/file-111",
        "/usr/share/demo/07/file-199", "/usr/share/demo/00/file-060", "/usr/share/demo/11/file-299",
        "/usr/share/demo/a name with spaces", "/usr/share/demo/05/file-005", "/lib/modules/order",
        "/lib/modules/xfs.ko", "/etc/read-from-srv",
      ].map { "f /dev/sda1:\($0)" }
      + ["/small/item-41", "/big/data-2", "/small/item-07"].map { "f /dev/sda2:\($0)" }
    #expect(order.filter { wanted.contains($0) } == wanted)
    // Of the 300 demo files, only those that the guest asked for were read.
    let demo = order.filter { $0.hasPrefix("f /dev/sda1:/usr/share/demo/") || $0.hasPrefix("f /dev/sda2:") }
    #expect(Set(demo) == Set(wanted.filter { $0.contains("/usr/share/demo/") || $0.hasPrefix("f /dev/sda2:") }))
  }

  @Test(arguments: OverlayKind.allCases) func everyRangeIsItsObjects(kind: OverlayKind) async throws {
    let boot = try await boot(kind)
    let parts = boot.parts.map(\.joined)
    for part in parts {
      #expect(boot.mapped.map.attribution(of: part.ranges) == [part])
    }
  }

  /// The kernel caches what it reads, so it reads no block of a file twice. The boot loader reads through the BIOS,
  /// and some sectors twice.
  @Test(arguments: OverlayKind.allCases) func noFileIsReadMoreThanTheGuestAskedFor(kind: OverlayKind) async throws {
    let boot = try await boot(kind)
    var read: [ObjectName: UInt64] = [:]
    for part in boot.parts {
      guard let object = part.objects.first, object.kind == "f" else { continue }
      read[object.name, default: 0] += part.ranges.reduce(0) { $0 + UInt64($1.count) }
    }
    let size = boot.mapped.map.objects("f").mapValues { $0.reduce(0) { $0 + UInt64($1.range.count) } }
    for (name, bytes) in read {
      let whole = try #require(size[name])
      let isLoaders = name.path.starts(with: "/boot/".utf8)
      #expect(bytes <= (isLoaders ? 2 * whole : whole), "\(name): \(bytes) of \(whole)")
      if isLoaders || name.path.starts(with: "/usr/share/demo/".utf8) || name.device == "/dev/sda2" {
        // The map has whole blocks; the loader reads only the sectors of the last block that the file needs.
        let least = isLoaders ? whole - min(whole, 4095) : whole
        #expect(bytes >= least, "\(name) was read whole: \(bytes) of \(whole)")
      }
    }
  }

  /// The guest has written, the log says where, and the overlay on top of the disk is a sound filesystem.
  @Test(arguments: OverlayKind.allCases) func whatTheGuestWroteIsInTheOverlay(kind: OverlayKind) async throws {
    let boot = try await boot(kind)
    let written = boot.log.parts.filter { $0.operation != "read" }
    #expect(written.contains { $0.operation == "write" && $0.objects.contains { $0.kind == "m" } })
    #expect(boot.log.flushes > 0)
    guard kind != .temporary else {
      #expect(try names(in: boot.temporary) == [])
      return
    }
    let scratch = try Scratch()
    let copy = scratch("copy")
    try await OverlaidDisk(base: boot.mapped.disk, kind: kind, scratch: boot.scratch).copied(to: copy)
    let root = try #require(boot.mapped.map.lines("p", "/dev/sda1").first).range
    try await expectSoundExt4(copy, at: root.lowerBound)
    // Every byte that differs from the disk is in the range of a logged write.
    let raw = try await Guests.demo.value.appending("guest.raw")
    let offsets = try await run("cmp", ["-l", raw, copy]).outputLines.compactMap {
      $0.split(separator: " ").first.flatMap { UInt64($0) }.map { $0 - 1 }
    }
    #expect(!offsets.isEmpty)
    let ranges = written.flatMap(\.ranges)
    let strange = offsets.filter { offset in !ranges.contains { $0.contains(offset) } }
    #expect(strange.isEmpty, "\(strange.prefix(5))")
  }
}
