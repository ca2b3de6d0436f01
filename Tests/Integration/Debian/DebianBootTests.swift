import SystemPackage
import Testing

/// A Debian with systemd on LVM boots from its VMDK, writes to each kind of overlay and powers off
/// (`make check-debian-boot`).
@Suite struct DebianBootTests {
  private static let root = "/dev/debian-vg/root"
  private static let boot = "/dev/sda1"

  /// The guest has booted and finished its work. `DebianBoot` has checked that it then powered off by itself.
  @Test(arguments: OverlayKind.allCases) func itDoesItsWork(kind: OverlayKind) async throws {
    let boot = try await DebianBoot.of(kind)
    #expect(boot.said.count == 3, "\(boot.said)")
    #expect(boot.said.first == "up with debian, /dev/mapper/debian--vg-root")
    #expect(boot.said.dropFirst().first == "trimmed")
    #expect(boot.said.last?.hasPrefix("22 files, ") == true)
  }

  @Test func theGuestIsLarge() async throws {
    let guest = try await DebianBoot.guest.value
    let files = Set(guest.map.lines.filter { $0.kind == "f" && $0.device == Array(Self.root.utf8) }.map(\.path))
    print("debian: \(files.count) files on \(Self.root)")
    #expect(files.count >= 20_000)
    #expect(guest.map.lines("l", Self.root).count == 1)
    #expect(guest.map.lines("l", "/dev/debian-vg/swap_1").count == 1)
  }

  /// Every request that nbdkit's log filter has seen is in the log, as often, and nothing else is.
  @Test(arguments: OverlayKind.allCases) func everyRequestIsInTheLog(kind: OverlayKind) async throws {
    let boot = try await DebianBoot.of(kind)
    #expect(boot.log.requests.count > 1000)
    #expect(boot.asked.failures == [])
    #expect(boot.log.requests.filter { $0.result != "ok" }.isEmpty)
    let logged = boot.log.requests.map {
      FilterLog.Request(operation: $0.op, offset: $0.offset, length: $0.length)
    }
    #expect(Set(logged.map(\.operation)).isSuperset(of: ["read", "write", "flush", "trim"]))
    // Requests without data, such as trims, may be longer than one line of the log can cover.
    let most: UInt64 = 32 << 20
    var expected: [FilterLog.Request: Int] = [:]
    for request in boot.asked.requests {
      for start in stride(from: 0, through: max(request.length, 1) - 1, by: Int(most)) {
        let part = FilterLog.Request(
          operation: request.operation, offset: request.offset + start, length: min(most, request.length - start))
        expected[part, default: 0] += 1
      }
    }
    let counts = logged.reduce(into: [:]) { $0[$1, default: 0] += 1 }
    let differing = Set(counts.keys).union(expected.keys).filter { counts[$0] != expected[$0] }
    #expect(differing.isEmpty, "\(differing.count): \(differing.prefix(5))")
  }

  /// The log is in the order in which a PC boots: loader, kernel, initrd, systemd, its services, and what they read.
  @Test(arguments: OverlayKind.allCases) func theBootIsInTheLogInItsOrder(kind: OverlayKind) async throws {
    let boot = try await DebianBoot.of(kind)
    let map = try await DebianBoot.guest.value.map
    var order: [String] = []
    var sectors: [String: Set<UInt64>] = [:]
    for request in boot.log.requests where request.op == "read" {
      for piece in request.pieces {
        for object in piece.named {
          let name = "\(object.kind) \(object.device) \(object.path ?? "")"
          if sectors[name] == nil { order.append(name) }
          sectors[name, default: []].formUnion(piece.offset / 512..<(piece.offset + piece.length + 511) / 512)
        }
      }
    }
    let wanted = [
      "b /dev/sda MBR", "b \(Self.boot) boot block", "f \(Self.boot) /extlinux/ldlinux.sys",
      "f \(Self.boot) /extlinux/extlinux.conf", "f \(Self.boot) /vmlinuz-", "f \(Self.boot) /initrd.img-",
      "f \(Self.root) /etc/fstab", "f \(Self.root) /usr/lib/systemd/systemd",
      "f \(Self.root) /usr/local/sbin/at-work", "f \(Self.root) /usr/share/perl/5.36.0/perl5db.pl",
      "f \(Self.root) /var/lib/guest/ledger",
    ]
    let indices = wanted.map { name in
      order.firstIndex { $0 == name || name.hasSuffix("-") && $0.hasPrefix(name) }
    }
    for (name, index) in zip(wanted, indices) { #expect(index != nil, "\(name)") }
    #expect(indices.compactMap { $0 } == indices.compactMap { $0 }.sorted(), "\(wanted) at \(indices)")
    #expect(order.contains { $0.hasPrefix("s /dev/debian-vg/swap_1") })
    // Of the thousands of files that the guest did not ask for, none is read, except in the last megabyte of the
    // volume, where udev looks for the metadata of arrays.
    let end = try #require(map.lines("l", Self.root).first).range.upperBound
    let strange = boot.log.requests.flatMap(\.pieces).filter { piece in
      piece.offset < end - (1 << 20) && piece.named.contains { $0.path?.hasPrefix("/usr/src/") == true }
    }
    #expect(strange.isEmpty, "\(strange.prefix(3))")
    // The loader reads the sectors that the files need; the map has whole blocks.
    let large = ["/vmlinuz-", "/initrd.img-"].map { "f \(Self.boot) \($0)" }
    for name in order where large.contains(where: name.hasPrefix) {
      let path = Array(name.dropFirst("f \(Self.boot) ".count).utf8)
      let whole = map.lines("f", Self.boot, path).reduce(0) { $0 + $1.range.count }
      #expect(whole > 1 << 20)
      #expect(try #require(sectors[name]).count * 512 > whole - 4096, "\(name) was read whole")
    }
  }

  /// Checks some of the requests only, because each check goes through the whole map.
  @Test(arguments: OverlayKind.allCases) func everyPieceIsItsObjects(kind: OverlayKind) async throws {
    let boot = try await DebianBoot.of(kind)
    let map = try await DebianBoot.guest.value.map
    let requests = boot.log.requests.filter { $0.length > 0 && $0.length <= 1 << 20 }
    let asked = stride(from: 0, to: requests.count, by: max(requests.count / 200, 1)).map { requests[$0] }
    for request in asked {
      let log = LogJSON(requests: [request])
      #expect(log.parts == map.attribution(of: [request.offset..<request.offset + request.length]))
    }
  }

  /// Every sector of a piece was written before if the piece is stale, and none was if it is not.
  @Test(arguments: OverlayKind.allCases) func whatWasWrittenIsStale(kind: OverlayKind) async throws {
    let boot = try await DebianBoot.of(kind)
    let guest = try await DebianBoot.guest.value
    let disk = try #require(guest.map.lines("v", "/dev/sda").first).range
    var isWritten = [Bool](repeating: false, count: disk.count / 512)
    var wrong: [LogJSON.Request.Piece] = []
    var staleReads: UInt64 = 0
    for request in boot.log.requests where request.length > 0 {
      for piece in request.pieces {
        let sectors = isWritten[Int(piece.offset / 512)..<Int((piece.offset + piece.length + 511) / 512)]
        if !sectors.allSatisfy({ $0 == (piece.stale ?? false) }) { wrong.append(piece) }
        if request.op == "read", piece.stale == true { staleReads += piece.length }
      }
      guard request.op != "read", request.op != "cache" else { continue }
      for sector in request.offset / 512..<(request.offset + request.length + 511) / 512 {
        isWritten[Int(sector)] = true
      }
    }
    #expect(wrong.isEmpty, "\(wrong.count): \(wrong.prefix(3))")
    // Twenty new files of 100,000 bytes.
    #expect(staleReads > 2_000_000)
    // Of a file that existed before, exactly the part that the guest wrote to is stale.
    var ledger: [UInt64: Bool] = [:]
    for request in boot.log.requests where request.op == "read" {
      for piece in request.pieces {
        guard let object = piece.named.first(where: { $0.path == "/var/lib/guest/ledger" }) else { continue }
        for offset in stride(from: object.offset, to: object.offset + piece.length, by: 512) {
          ledger[offset / 512] = piece.stale ?? false
        }
      }
    }
    #expect(ledger.count == 2048)
    #expect(ledger.allSatisfy { $0.value == (128..<384).contains($0.key) })
  }

  @Test(arguments: [OverlayKind.persistent, .vmdk])
  func whatTheGuestWroteIsInTheOverlay(kind: OverlayKind) async throws {
    let boot = try await DebianBoot.of(kind)
    let guest = try await DebianBoot.guest.value
    let scratch = try Scratch()
    let copy = scratch("copy")
    try await OverlaidDisk(base: guest.disk, kind: kind, scratch: boot.scratch).copied(to: copy)
    let partition = try #require(guest.map.lines("p", Self.boot).first).range
    let volume = try #require(guest.map.lines("l", Self.root).first).range
    try await expectSoundExt4(copy, at: partition.lowerBound)
    try await expectSoundExt4(copy, at: volume.lowerBound)
    // The guest's files equal what the guest read at the end.
    let directory = try scratch.makeDirectory("files")
    try await tool(
      "debugfs", ["-R", "rdump /var/lib/guest \(directory)", "\(copy)?offset=\(volume.lowerBound)"])
    let files = directory.appending("guest")
    let count = try names(in: files).count
    let sum = try await tool("bash", ["-c", "cat boots ledger new-* | sha256sum | cut -d ' ' -f 1"], in: files)
    #expect(boot.said.last == "\(count) files, \(sum.output.text.dropLast())")
    let before = try await tool("debugfs", ["-R", "ls -p /var/lib/guest", "\(copy)?offset=\(volume.lowerBound)"])
    #expect(!before.output.text.contains("new-1-10") && before.output.text.contains("new-1-11"))
  }

  @Test func nothingOfATemporaryOverlayIsLeft() async throws {
    let boot = try await DebianBoot.of(.temporary)
    #expect(try names(in: boot.temporary) == [])
  }
}
