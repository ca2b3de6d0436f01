import FoundationEssentials
import Glibc
import SystemPackage
import Testing

/// Disks with little or nothing to map, or with damage: the map has what there is, and the rest is a warning.
@Suite struct UnusualDiskTests {
  /// A filesystem on the whole disk, BSD partitions, and partitions that overlap.
  @Test func unusualTables() async throws {
    let run = try MapperRun()
    let make = SmallDisks(scratch: run.scratch)
    let whole = try await make.withoutTable()
    let (bsd, parts) = try await make.withDisklabel()
    let overlapping = try await make.overlapping()
    let before = try [UInt8](contentsOf: whole)
    let outcome = try await run(["--machine-readable", "-o", "map", whole, bsd, overlapping])
    #expect(outcome.end == .exited(3))
    #expect(outcome.errorLines.count == 1, "\(outcome.errors.text)")
    #expect(
      outcome.errors.text.hasPrefix("virt-bmap: warning: /dev/sdc: the partition table is damaged"),
      "\(outcome.errors.text)")
    let isUnchanged = try [UInt8](contentsOf: whole) == before
    #expect(isUnchanged, "the disk was written to")

    let map = try MapText(contentsOf: run.scratch("map"))
    for (device, disk) in [
      ("/dev/sda", whole), ("/dev/sdb5", bsd), ("/dev/sdc1", overlapping), ("/dev/sdc2", overlapping),
    ] {
      let lines = map.lines("f", device, Array("/the file".utf8))
      let isSame = try Rebuild(disk: disk).bytes(size: 100_000, of: lines) == [UInt8](repeating: 0x61, count: 100_000)
      #expect(isSame, "\(device): \(lines)")
    }
    #expect(!map.lines("d", "/dev/sda", [0x2f]).isEmpty)
    for (number, part) in parts {
      #expect(map.lines("p", "/dev/sdb\(number)").map(\.range) == [part])
    }
    let megabyte: UInt64 = 1 << 20
    for (number, range) in [(1, 1..<21), (2, 18..<38), (3, 40..<48)] as [(Int, Range<UInt64>)] {
      let expected = range.lowerBound * megabyte..<range.upperBound * megabyte
      #expect(map.lines("p", "/dev/sdc\(number)").map(\.range) == [expected])
    }
    #expect(map.lines.filter { $0.kind == "p" }.count == parts.count + 3)
    try await run.expectNothingLeft()
  }

  @Test func damagedFilesystems() async throws {
    let run = try MapperRun()
    let disk = try await SmallDisks(scratch: run.scratch).damaged()
    let before = try await tool("sha256sum", [disk])
    let outcome = try await run(["-v", "-o", "map", disk])
    #expect(outcome.end == .exited(3))
    #expect(try await tool("sha256sum", [disk]).output == before.output)
    // The output includes the appliance's console, whose last line may lack a newline.
    let said = outcome.errorLines.compactMap { line in
      line.range(of: "virt-bmap: ").map { String(line[$0.lowerBound...]) }
    }
    let warnings = said.filter { $0.hasPrefix("virt-bmap: warning: ") }
    #expect(warnings.count == 2, "\(warnings)")
    #expect(
      warnings.first?.hasPrefix("virt-bmap: warning: filesystem on /dev/sda1 (ext4) cannot be mounted: ") == true,
      "\(warnings)")
    #expect(warnings.last == "virt-bmap: warning: 4 files and directories could not be read", "\(warnings)")
    #expect(said.contains { $0.hasPrefix("virt-bmap: /dev/sda2: /damaged: ") }, "\(said)")
    #expect(said.contains { $0.hasPrefix("virt-bmap: /dev/sda2: /outside: ") }, "\(said)")
    #expect(said.contains { $0.hasPrefix("virt-bmap: /dev/sda2: /a/b/again: this directory is elsewhere") }, "\(said)")
    #expect(said.contains("virt-bmap: /dev/sda3: /broken: Input/output error"), "\(said)")
    #expect(outcome.output.text.contains("2 filesystems, 5 directories, "))

    let map = try MapText(contentsOf: run.scratch("map"))
    #expect(!map.lines("f", "/dev/sda2", Array("/the file".utf8)).isEmpty)
    #expect(map.lines("f", "/dev/sda2", Array("/huge".utf8)).reduce(0) { $0 + $1.range.count } >= 100_000)
    #expect(!map.lines("f", "/dev/sda3", Array("/whole".utf8)).isEmpty)
    let part: Range<UInt64> = 33 << 20..<65 << 20
    for line in map.lines where line.device.text == "/dev/sda2" { #expect(part.clamped(to: line.range) == line.range) }
    #expect(map.lines("p", "/dev/sda1").count == 1)
    #expect(!map.lines.contains { $0.kind == "f" && $0.device.text == "/dev/sda1" })
    try await run.expectNothingLeft()
  }

  /// A blank disk, whether /dev/kvm works or not: where it does not, the appliance is emulated. An empty variable
  /// counts as unset, and TMPDIR may be relative.
  @Test(arguments: [nil, ""])
  func withoutBackendSettings(setting: String?) async throws {
    let run = try MapperRun()
    let disk = try SmallDisks(scratch: run.scratch).blank()
    var environment: [String: String?] = ["LIBGUESTFS_BACKEND_SETTINGS": setting]
    if setting != nil { environment.merge(["LIBGUESTFS_BACKEND": "", "TMPDIR": "t"]) { $1 } }
    let outcome = try await run(
      ["--machine-readable", "-o", "map", disk], environment: environment, limit: .seconds(240))
    #expect(outcome.end == .exited(0))
    #expect(outcome.errors.text == "")
    let emulating = "virt-bmap: hardware virtualization does not work here, emulating instead (slower) ...\n"
    let summary = """
      virt-bmap: successfully examined 0 partitions, 0 logical volumes,
                 0 filesystems, 0 directories, 0 files
      virt-bmap: output written to \(run.scratch("map"))
      virt-bmap: 100.00 % of 16777216 bytes accounted for (free 100.0 %)

      """
    #expect([summary, emulating + summary].contains(outcome.output.text), "\(outcome.output.text)")
    let map = try MapText(contentsOf: run.scratch("map"))
    #expect(map.lines.map(\.range) == [0..<16 << 20, 0..<16 << 20])
    #expect(map.lines("v", "/dev/sda").count == 1 && map.lines("u", "/dev/sda").count == 1)
    try await run.expectNothingLeft()
  }
}
