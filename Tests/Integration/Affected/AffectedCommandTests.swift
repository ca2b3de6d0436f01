import FoundationEssentials
import SystemPackage
import Testing

/// `virt-bmap affected` on a small map, as a user calls it.
@Suite struct AffectedCommandTests {
  private static let map = """
    # virt-bmap 2
    # disk 1 size=100000 format=raw file=d
    # disk 2 size=1000 format=raw file=e
    1 0 100000 v /dev/sda
    1 0 200 b /dev/sda MBR
    1 1000 41000 p /dev/sda1
    1 1000 2000 m /dev/sda1 superblock
    1 2000 4000 f /dev/sda1 /large
    1 2000 4000 f /dev/sda1 /other\\012name
    1 6000 7000 u /dev/sda1
    1 50000 60000 l /dev/md0
    1 50000 58000 f /dev/md0 /safe
    1 70000 80000 l /dev/md0
    1 70000 78000 f /dev/md0 /safe

    """

  private func affected(
    _ arguments: [any Word], list: String, map: String = Self.map
  ) async throws -> Outcome {
    let scratch = try Scratch()
    try scratch.write(map, to: "map")
    try scratch.write(list, to: "list")
    return try await run(
      try Products.mapper.string, ["affected", scratch("map"), "list"] + arguments, in: scratch.path)
  }

  private static let list = "0x1800-0x3000\n0x6000-0x6200\n0x50000-0x50800\n0-512\n0x8000-0x8200\n"

  @Test func text() async throws {
    let outcome = try await affected([], list: Self.list)
    #expect(outcome.end == .exited(0) && outcome.errors.text == "", "\(outcome.errors.text)")
    #expect(
      outcome.output.text == """
        5 ranges of disk 1, 9.5 KiB (9728 bytes): 7 objects

        BYTES                 SHARE  OFFSET      LOST  KIND         OBJECT
         4096 (4 KiB)       50.00 %       0      4096  file         /dev/sda1 /large
         4096 (4 KiB)       50.00 %       0      4096  file         /dev/sda1 /other\\012name
         2048 (2 KiB)       50.00 %    2048      2048  metadata     /dev/sda1 superblock
         2048 (2 KiB)        3.12 %       0  readable  file         /dev/md0 /safe
          512              100.00 %       0       512  boot         /dev/sda MBR
          512               12.50 %       0         -  free         /dev/sda1
          512                     -   28672       512  unaccounted  /dev/sda1

        USE          BYTES   LOST
        files         6144   4096
        metadata      2048   2048
        boot           512    512
        free           512      -
        unaccounted    512    512

        DEVICE     BYTES   LOST
        /dev/sda1   7168   6656
        /dev/md0    2048      0
        /dev/sda     512    512

        512 bytes are free space: nothing is lost there.
        2 KiB (2048 bytes) have another copy outside of the list: they are still readable.
        7 KiB (7168 bytes) have no copy outside of the list.

        """)
    let none = try await affected(["--kind", "s"], list: Self.list)
    #expect(none.end == .exited(0) && none.output.text == "5 ranges of disk 1, 9.5 KiB (9728 bytes): 0 objects\n")
    let empty = try await affected([], list: "")
    #expect(empty.end == .exited(0) && empty.output.text == "0 ranges of disk 1, 0 bytes: 0 objects\n")
  }

  /// A long name does not make the lines of all other devices as long.
  @Test func longNamesOfDevices() async throws {
    let long = "/dev/" + String(repeating: "x", count: 4000)
    let lines = (0..<100).map { index in
      let range = "\(String(index * 512, radix: 16)) \(String((index + 1) * 512, radix: 16))"
      return "1 \(range) f \(index == 50 ? long : "/dev/sda\(index)") /file\n"
    }
    let header = "# virt-bmap 2\n# disk 1 size=100000\n"
    let outcome = try await affected([], list: "0-51200\n", map: header + lines.joined())
    let totals = outcome.outputLines.drop { !$0.hasPrefix("DEVICE ") }.prefix(101)
    let title = "DEVICE" + String(repeating: " ", count: 34)
    #expect(totals.first == "\(title)  BYTES   LOST")
    #expect(totals.contains("\(long)    512    512"))
    #expect(totals.count { $0.utf8.count == 54 } == 100)
  }

  @Test func json() async throws {
    let outcome = try await affected(["--json", "--device", "/dev/md0"], list: Self.list)
    #expect(
      outcome.outputLines == [
        #"{"bytes":2048,"devices":[{"bytes":2048,"device":"/dev/md0","lost":0}],"disk":1,"lost":0,"#
          + #""objects":[{"bytes":2048,"device":"/dev/md0","kind":"f","lost":0,"offset":0,"path":"/safe","#
          + #""readable":2048,"size":65536,"start":327680,"use":"files"}],"ranges":5,"uses":{"boot":{"bytes":0,"lost":0},"#
          + #""directories":{"bytes":0,"lost":0},"files":{"bytes":2048,"lost":0},"free":{"bytes":0,"lost":0},"#
          + #""metadata":{"bytes":0,"lost":0},"parity":{"bytes":0,"lost":0},"swap":{"bytes":0,"lost":0},"#
          + #""unaccounted":{"bytes":0,"lost":0},"unwritten":{"bytes":0,"lost":0}}}"#
      ])
    let all = try await affected(["--json"], list: Self.list)
    let answer = try JSONDecoder().decode(AffectedAnswer.self, from: Data(all.output))
    #expect(answer.objects.map(\.path).contains("/other\\012name") && answer.bytes == 9728 && answer.lost == 7168)
  }

  @Test func paths() async throws {
    let outcome = try await affected(["-0"], list: Self.list)
    #expect(outcome.output == Array("/large\0/other\nname\0/safe\0".utf8))
    #expect(try await affected(["-0", "--only", "/l*"], list: Self.list).output == Array("/large\0".utf8))
  }

  /// The list can come from standard input, and be about another disk.
  @Test func standardInput() async throws {
    let scratch = try Scratch()
    let map = try scratch.write(Self.map, to: "map")
    let outcome = try await run(
      try Products.mapper.string, ["affected", map, "-", "--disk", "2", "-b", "4096"], input: "0\n")
    #expect(outcome.end == .exited(0) && outcome.outputLines.first == "1 range of disk 2, 4 KiB (4096 bytes): 1 object")
  }

  @Test(
    arguments: [
      ("0-1M\n5-5\n", [], "list: line 2: not a range A-B with A below B"),
      ("0-1M", [], "list: line 1: the list ends in the middle of this line"),
      ("0-1048577\n", [], "list: line 1: the range ends at byte 1048577, but the disk has 1048576 bytes"),
      ("0-4097\n", ["--disk", "2"], "list: line 1: the range ends at byte 4097, but the disk has 4096 bytes"),
      ("0 + 1\n0 512 -\n513 512 -\n", [], "list: line 3: the block does not begin where the one before it ends"),
      ("5\n", [], "list: line 1: a number could be a sector or a block"),
      ("\u{1b}[31m\n", [], "list: line 1: not a list in a known format"),
      ("[{\"start\":1}]", [], "list: line 1: not a list in a known format"),
      ("0-1\n", ["--status", "-"], "list: a list in the format ranges: --status is for ddrescue"),
      ("0-1\n", ["--list-format", "csv"], "--list-format csv: give one of aws, "),
      ("0-1\n", ["--status", "x"], "--status x: give characters of ? * / - +"),
      ("0-1\n", ["-b", "0"], "--block-size 0: give 1 to 1073741824"),
      ("0-1\n", ["--json", "-0"], "give --json or -0, not both"),
      ("0-1\n", ["--kind", "f,l"], "--kind f,l: a volume is shown only by what is on it: choose it with --device"),
      ("[\"a\"]", [], "list: line 1: not a list of JSON objects"),
      ("0-1\n", ["--disk", "3"], "map: a map of 2 disks, there is no disk 3"),
      ("0-1\n", ["--device", "/dev/sdz"], "there is no device /dev/sdz"),
    ] as [(String, [String], String)])
  func errors(_ list: String, _ arguments: [String], _ message: String) async throws {
    let outcome = try await affected(arguments, list: list)
    #expect(outcome.end == .exited(1) && outcome.output.isEmpty)
    #expect(outcome.errorLines.count == 1 && outcome.errors.text.contains(message), "\(outcome.errors.text)")
    #expect(outcome.errors.allSatisfy { $0 == 0x0a || (0x20..<0x7f).contains($0) })
  }
}
