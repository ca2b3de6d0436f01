import SystemPackage
import Testing

/// An appliance that a guest's filesystem has taken over: a false report about a filesystem costs only that
/// filesystem.
@Suite struct HostileWalkerTests {
  /// Makes a directory with virt-bmap and a hostile walker, which virt-bmap finds next to itself.
  private func programs(walkerThatDoes behaviours: String, in scratch: Scratch) async throws -> FilePath {
    let programs = try scratch.makeDirectory("bin")
    for product in [try Products.mapper, try Products.recorder] { try await tool("cp", [product, programs]) }
    let maker = Products.package.appending("Tests/Integration/Guests/make-hostile-walker")
    try await tool(maker.string, [try Products.walker, programs.appending("virt-bmap-walker"), behaviours])
    return programs
  }

  /// What reading finds is checked: a file that is reported at a wrong offset is left out of the map.
  @Test func aFileThatIsElsewhere() async throws {
    let run = try MapperRun()
    let scratch = run.scratch
    let programs = try await programs(walkerThatDoes: "elsewhere", in: scratch)
    let tree = try scratch.makeDirectory("tree")
    try [UInt8](repeating: 0x61, count: 50_000).write(to: tree.appending("file"))
    let disk = try scratch.makeHole("guest.raw", size: 4 << 20)
    try await tool("mke2fs", ["-q", "-t", "ext2", "-b", "1024", "-d", tree, disk])
    let outcome = try await run.execute(
      [programs.appending("virt-bmap"), "--method", "read", "-o", scratch("map"), disk], limit: .seconds(300))
    #expect(outcome.end == .exited(3))
    let warning = "virt-bmap: warning: filesystem on /dev/sda (ext2): /file cannot be located by asking "
    #expect(outcome.errorLines.count == 1 && outcome.errors.text.hasPrefix(warning), "\(outcome.errors.text)")
    let map = try MapText(contentsOf: scratch("map"))
    #expect(!map.lines.contains { $0.kind == "f" })
    try await run.expectNothingLeft()
  }

  /// One behaviour of `make-hostile-walker` after the other, each on its own filesystem, and then the honest walker.
  @Test func aLieCostsItsOwnFilesystem() async throws {
    let run = try MapperRun()
    let scratch = run.scratch
    let programs = try await programs(walkerThatDoes: "all", in: scratch)

    let disk = try scratch.makeHole("guest.raw", size: 64 << 20)
    let numbers = 1...10
    try await tool("sgdisk", numbers.flatMap { ["-n", "\($0):0:+4M"] } + [disk.string])
    let tree = try scratch.makeDirectory("tree")
    try [UInt8](repeating: 0x61, count: 50_000).write(to: tree.appending("file"))
    for (number, range) in zip(numbers, try await partitions(of: disk)) {
      try await tool(
        "mke2fs", ["-q", "-t", "ext2", "-b", "1024", "-d", tree, "-E", "offset=\(range.lowerBound)", disk, "4M"])
      #expect(range.count == 4 << 20, "\(number)")
    }

    let outcome = try await run.execute(
      [programs.appending("virt-bmap"), "-o", scratch("map"), disk], limit: .seconds(900))
    #expect(outcome.end == .exited(3))
    let reasons = [
      "it ended before it was complete", "it ended before it was complete", "",
      "a range of object 2 does not fit",
      "directories are nested more than", "a name is empty, too long, or holds a slash",
      "it ended before it was complete",
      "it refers to object 9",
    ]
    // One line for each, and no others. The third reason may vary: what the second behaviour leaves running may be
    // faster than the third, which writes many names.
    #expect(outcome.errorLines.count == reasons.count, "\(outcome.errors.text)")
    for (index, (line, reason)) in zip(outcome.errorLines, reasons).enumerated() {
      let start =
        "virt-bmap: warning: filesystem on /dev/sda\(index + 1) (ext2): the appliance's report about it cannot be right: "
      #expect(line.hasPrefix(start + reason), "\(line)")
    }
    let map = try MapText(contentsOf: scratch("map"))
    for number in numbers {
      let device = "/dev/sda\(number)"
      #expect(map.lines("p", device).count == 1)
      // What other tools report is there.
      #expect(map.lines("m", device, Array("superblock".utf8)).count == 1, "\(device)")
      let size = map.lines("f", device, Array("/file".utf8)).reduce(0) { $0 + $1.range.count }
      #expect(size == (number > reasons.count ? 50_176 : 0), "\(device)")
    }
    #expect(Set(map.lines.filter { $0.kind == "f" }.map(\.path.text)) == ["/file"])
    try await run.expectNothingLeft()
  }

  /// A tool that is missing is named once, whatever needs it, and all that other sources tell is mapped.
  @Test func aMissingTool() async throws {
    let run = try MapperRun()
    let scratch = run.scratch
    let programs = try await programs(walkerThatDoes: "toolless", in: scratch)
    let tree = try scratch.makeDirectory("tree")
    try [UInt8](repeating: 0x61, count: 50_000).write(to: tree.appending("file"))
    let disks = try ["one", "two"].map { try scratch.makeHole("\($0).raw", size: 4 << 20) }
    for disk in disks { try await tool("mke2fs", ["-q", "-t", "ext4", "-b", "1024", "-d", tree, disk]) }
    let words: [any Word] = [programs.appending("virt-bmap"), "-o", scratch("map")]
    let outcome = try await run.execute(words + disks, limit: .seconds(300))
    #expect(outcome.end == .exited(3))
    #expect(
      outcome.errorLines == [
        "virt-bmap: warning: the appliance has no debugfs: the metadata and free space of ext4 filesystems are not in the "
          + "map; install its package on this machine, of whose packages libguestfs makes the appliance"
      ])
    let map = try MapText(contentsOf: scratch("map"))
    for device in ["/dev/sda", "/dev/sdb"] {
      #expect(map.lines("f", device, Array("/file".utf8)).reduce(0) { $0 + $1.range.count } == 50_176, "\(device)")
      #expect(!map.lines.contains { $0.device.text == device && ["m", "u"].contains($0.kind) })
    }
    try await run.expectNothingLeft()
  }
}
