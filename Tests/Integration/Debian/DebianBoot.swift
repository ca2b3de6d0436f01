import SystemPackage
import Testing

/// A boot of Debian on LVM from its VMDK, with writes in an overlay, and what is known about it.
struct DebianBoot: Sendable {
  var kind: OverlayKind
  /// Where the overlay is, unless it is temporary.
  var scratch: Scratch
  /// The logger's directory for temporary files.
  var temporary: FilePath
  /// The messages of the guest's own service.
  var said: [String]
  var log: LogJSON
  /// What nbdkit's log filter, between the guest and the logger, has seen.
  var asked: FilterLog

  private static let boots = Dictionary(
    uniqueKeysWithValues: OverlayKind.allCases.map { kind in (kind, Shared { try await boot(kind) }) })

  /// Each kind of overlay boots once.
  static func of(_ kind: OverlayKind) async throws -> DebianBoot { try await #require(boots[kind]).value }

  /// The VMDK with its map.
  static let guest = Shared {
    let disk = try await Guests.debianBoot.value.appending("debian.vmdk")
    let before = try await sum(disk)
    let run = try MapperRun()
    let file = Products.package.appending(".build/integration/boots.bmap")
    let outcome = try await run(["-o", file, disk])
    guard outcome.end == .exited(0), !outcome.errors.text.contains("warning") else {
      throw TestFailure("virt-bmap: \(outcome.end): \(outcome.errors.text.suffix(2000))")
    }
    #expect(try await sum(disk) == before, "the disk was written to")
    print("debian: mapped in \(outcome.duration)")
    return MappedGuest(disk: disk, file: file, map: try MapText(contentsOf: file), outcome: outcome)
  }

  private static func sum(_ disk: FilePath) async throws -> String {
    try await tool("sha256sum", [disk], limit: .seconds(300)).output.text
  }

  private static func boot(_ kind: OverlayKind) async throws -> DebianBoot {
    let guest = try await guest.value
    let before = try await sum(guest.disk)
    let scratch = try Scratch(shared: "boots-debian-\(kind)")
    let temporary = try scratch.makeDirectory("t")
    // The log filter takes `logfile=` for itself, so the logger's log goes to standard output.
    let arguments: [any Word] = [
      "-U", "-", "--filter=log", try Products.logger, "file=\(guest.disk)", "bmap=\(guest.file)", "logformat=json",
      "overlay=\(kind.parameter(in: scratch))", "logfile=\(scratch("asked"))", "--run",
      """
      exec timeout --foreground -k 5 900 qemu-system-x86_64 -accel tcg -cpu max -m 1024 -display none -nic none \
        -no-reboot -serial "file:\(scratch("console"))" \
        -drive "file=$uri,format=raw,if=virtio,discard=unmap" </dev/null
      """,
    ]
    let outcome = try await Slots.virtualMachines.run {
      try await run("nbdkit", arguments, environment: ["TMPDIR": temporary.string], limit: .seconds(1000))
    }
    let console = try [UInt8](contentsOf: scratch("console")).text
    guard outcome.end == .exited(0) else {
      throw TestFailure("\(kind): \(outcome.end): \(outcome.errors.text)\n\(console.suffix(3000))")
    }
    #expect(outcome.errors.text == "", "nbdkit or qemu said something")
    #expect(console.contains("reboot: Power down"), "the guest did not power off by itself: \(console.suffix(1000))")
    #expect(try await sum(guest.disk) == before, "the disk was written to")
    let mark = "virt-bmap Debian guest: "
    let said = console.split(whereSeparator: \.isNewline).compactMap { line in
      line.firstRange(of: mark).map { String(line[$0.upperBound...]) }
    }
    let log = try LogJSON(contentsOf: scratch.write(outcome.output, to: "log"))
    let asked = try FilterLog(contentsOf: scratch("asked"))
    print("debian, \(kind): booted in \(outcome.duration), \(log.requests.count) requests")
    return DebianBoot(kind: kind, scratch: scratch, temporary: temporary, said: said, log: log, asked: asked)
  }
}
