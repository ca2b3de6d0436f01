import FoundationEssentials
import SystemPackage
import Testing

/// The exports of the logger besides the disk: several disks, partitions, volumes and filesystems.
@Suite struct ExportTests {
  private struct List: Decodable {
    struct Export: Decodable {
      var name: String
      var size: UInt64
      var isReadOnly: Bool
      enum CodingKeys: String, CodingKey {
        case name = "export-name"
        case size = "export-size"
        case isReadOnly = "is_read_only"
      }
    }
    var exports: [Export]
  }

  /// Serves disks while a shell script runs, in which `$u NAME` is the URI of an export.
  private func serve(
    _ disks: [FilePath], map: FilePath, _ options: [String] = [], in scratch: Scratch, _ script: String
  ) async throws -> Outcome {
    try scratch.write("#!/bin/sh\necho \"nbd+unix:///$1?socket=$unixsocket\"\n", to: "u")
    let files = disks.map { "file=\($0)" as any Word }
    return try await run(
      "nbdkit",
      ["-U", "-", try Products.logger] + files + ["bmap=\(map)", "logfile=log"] + options.map { $0 as any Word }
        + ["--run", "export unixsocket uri; u='sh ./u'; \(script)"],
      in: scratch.path)
  }

  private func list(_ outcome: Outcome) throws -> [String: List.Export] {
    let list = try JSONDecoder().decode(List.self, from: Data(outcome.output))
    return Dictionary(list.exports.map { ($0.name, $0) }, uniquingKeysWith: { first, _ in first })
  }

  @Test func whatIsOffered() async throws {
    let guest = try await SeveralDisksTests.mapped.value
    let exports = try list(
      try await serve(guest.disks, map: guest.file, in: try Scratch(), "nbdinfo --json --list \"$uri\""))
    let sizes = try guest.disks.map { try fileSize($0) }
    #expect(exports[""]?.size == sizes[0] && exports["/dev/sda"]?.size == sizes[0])
    #expect(exports["/dev/sdb"]?.size == sizes[1])
    for line in guest.map.lines where line.kind == "p" {
      let export = try #require(exports[line.device.text])
      #expect(export.size == UInt64(line.range.count) && export.isReadOnly)
    }
    let span = guest.map.lines("l", "/dev/vg/span").map { UInt64($0.range.count) }.reduce(0, +)
    #expect(exports["/dev/vg/span"]?.size == span)
    #expect(exports.values.contains { $0.name.hasPrefix("part1.") && $0.size == exports["/dev/sda1"]?.size })
    #expect(exports.values.contains { $0.name.hasPrefix("vg-span.") && $0.size == span })
    // Only the ciphertext of these could be served.
    #expect(!exports.keys.contains { $0.contains("luks") || $0.contains("inner") }, "\(exports.keys.sorted())")
    #expect(exports["/dev/vg/secret"] != nil && !exports.keys.contains { $0.hasPrefix("vg-secret.") })
  }

  /// A volume on two disks is served as a whole, and each read of it is logged on one of its disks.
  @Test func aVolumeOnTwoDisks() async throws {
    let guest = try await SeveralDisksTests.mapped.value
    let scratch = try Scratch()
    let outcome = try await serve(
      guest.disks, map: guest.file, ["logformat=json"], in: scratch,
      "nbdcopy $($u /dev/vg/span) span && nbdcopy $($u /dev/sdb) two && nbdcopy $($u /dev/sda1) one")
    #expect(outcome.end == .exited(0), "\(outcome.errors.text)")
    let type = try #require(
      guest.map.comments.first { $0.hasPrefix("# device /dev/vg/span type=") }?.split(separator: "=").last)
    let check =
      type == "xfs"
      ? try await run("xfs_repair", ["-n", scratch("span")]) : try await run("e2fsck", ["-fn", scratch("span")])
    #expect(check.end == .exited(0), "\(check.output.text)")
    #expect(try await run("cmp", [guest.disks[1], scratch("two")]).end == .exited(0))
    let slice = try await slice(of: guest.disks[0], partition: 1, in: scratch)
    #expect(try await run("cmp", [slice, scratch("one")]).end == .exited(0))

    let requests = try LogJSON(contentsOf: scratch("log")).requests
    let volume = guest.map.lines("l", "/dev/vg/span")
    for line in volume {
      // The volume was read and named at these offsets.
      let pieces = requests.filter { $0.disk == line.disk }.flatMap(\.pieces).filter {
        $0.offset >= line.range.lowerBound && $0.offset + $0.length <= line.range.upperBound
      }
      let named = pieces.flatMap(\.objects).filter { $0.part.name.device == "/dev/vg/span" && $0.part.kind == "l" }
      #expect(!named.isEmpty && named.allSatisfy { line.offset <= $0.offset })
    }
    #expect(Set(requests.map(\.disk)) == [1, 2])
  }

  @Test func theTextLogNamesTheDisk() async throws {
    let guest = try await SeveralDisksTests.mapped.value
    let scratch = try Scratch()
    let outcome = try await serve(
      guest.disks, map: guest.file, in: scratch,
      "qemu-io -r -f raw -c 'read 1M 4k' $($u /dev/sda) && qemu-io -r -f raw -c 'read 1M 4k' $($u /dev/sdb)")
    #expect(outcome.end == .exited(0), "\(outcome.errors.text)")
    let log = try LogText(contentsOf: scratch("log"))
    let ranges = Array(zip(log.disks, log.parts.flatMap(\.ranges)))
    #expect(ranges.contains { $0 == 1 && $1.lowerBound == 1 << 20 })
    #expect(ranges.contains { $0 == 2 && $1.lowerBound == 1 << 20 })
    #expect(log.parts.last?.objects.first?.name.device.hasPrefix("/dev/sdb") == true)
  }

  /// Each disk has its own overlay; a partition shows what was written to the disk below it.
  @Test func everyDiskCanBeWritten() async throws {
    let guest = try await SeveralDisksTests.mapped.value
    let scratch = try Scratch()
    let start = try #require(guest.map.lines("p", "/dev/sda1").first).range.lowerBound
    let outcome = try await serve(
      guest.disks, map: guest.file, ["overlay=first", "overlay=second"], in: scratch,
      """
      qemu-io -f raw -c 'write -P 7 \(start) 64k' $($u /dev/sda) &&
      qemu-io -f raw -c 'write -P 9 0 64k' $($u /dev/sdb) &&
      qemu-io -r -f raw -c 'read -P 7 0 64k' $($u /dev/sda1) &&
      qemu-io -r -f raw -c 'read -P 9 0 64k' $($u /dev/sdb)
      """)
    #expect(outcome.end == .exited(0), "\(outcome.errors.text)")
    #expect(!outcome.output.text.contains("failed"), "\(outcome.output.text)")
    let again = try await serve(
      guest.disks, map: guest.file, ["overlay=first", "overlay=second"], in: scratch,
      "qemu-io -r -f raw -c 'read -P 7 \(start) 64k' \"$uri\" && qemu-io -r -f raw -c 'read -P 9 0 64k' $($u /dev/sdb)")
    #expect(!again.output.text.contains("failed"), "\(again.output.text)")
    let one = try await serve(guest.disks, map: guest.file, ["overlay=first"], in: scratch, "echo started")
    expectOneError(one, "there are 2 disks and 1 overlays")
    let swapped = try await serve(
      guest.disks, map: guest.file, ["overlay=second", "overlay=first"], in: scratch, "echo started")
    expectOneError(swapped, "this is an overlay of a disk of")
  }

  private func expectOneError(_ outcome: Outcome, _ message: String) {
    #expect(outcome.end == .exited(1))
    #expect(outcome.output.text == "")
    #expect(outcome.errorLines.count == 1 && outcome.errors.text.contains(message), "\(outcome.errors.text)")
  }

  @Test func whatIsNotOffered() async throws {
    let guest = try await SeveralDisksTests.mapped.value
    let scratch = try Scratch()
    let unknown = try await serve(
      guest.disks, map: guest.file, in: scratch, "qemu-io -r -f raw -c 'read 0 4k' $($u nothing)")
    #expect(unknown.end != .exited(0))
    #expect(unknown.errors.text.contains("there is no export \"nothing\""), "\(unknown.errors.text)")
    // A volume on both disks cannot be assembled from one.
    let exports = try list(
      try await serve([guest.disks[0]], map: guest.file, in: scratch, "nbdinfo --json --list \"$uri\""))
    #expect(exports["/dev/sda1"] != nil && exports["/dev/vg/span"] == nil && exports["/dev/sdb"] == nil)
    let twice = try await serve(guest.disks + [guest.disks[0]], map: guest.file, in: scratch, "echo started")
    expectOneError(twice, "one.raw: this disk is given twice")
    let another = try scratch.makeHole("third", size: 1 << 20)
    let third = try await serve(guest.disks + [another], map: guest.file, in: scratch, "echo started")
    expectOneError(third, "the map is of 2 disks, and has no disk 3")
    let otherWay = try await serve(guest.disks.reversed(), map: guest.file, in: scratch, "echo started")
    expectOneError(otherWay, "the map is of a disk of")
  }
}
