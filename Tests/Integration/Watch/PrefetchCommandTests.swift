import FoundationEssentials
import SystemPackage
import Testing

/// `virt-bmap prefetch` on a small log, as a user calls it.
@Suite struct PrefetchCommandTests {
  private static let log =
    #"{"op":"read","disk":1,"offset":4096,"length":8192,"pieces":[{"offset":4096,"length":4096,"objects":[{"kind":"f","device":"/dev/sda1","path":"/a\\012b","offset":512}]},{"offset":8192,"length":4096,"objects":[{"kind":"m","device":"/dev/sda1","path":"inode table","offset":0}]}]}"#
    + "\n"
    + #"{"op":"read","disk":2,"offset":0,"length":512,"pieces":[{"offset":0,"length":512,"objects":[]}]}"# + "\n"

  private static let map = """
    # virt-bmap 2
    # disk 1 size=100000 format=raw file=d
    1 0 100000 v /dev/sda
    1 20000 21000 f /dev/sda1 /a\\012b
    1 30000 31000 f@1000 /dev/sda1 /a\\012b
    1 40000 42000 m /dev/sda1 inode table

    """

  private func prefetch(_ arguments: [any Word], input: String = Self.log) async throws -> Outcome {
    let scratch = try Scratch()
    try scratch.write(Self.map, to: "map")
    return try await run(
      try Products.mapper.string, ["prefetch"] + arguments + ["-"], in: scratch.path, input: input)
  }

  @Test func formats() async throws {
    #expect(try await prefetch([]).output.text == "1 1000 3000\n2 0 200\n")
    let listed = try await prefetch(["--format", "files"])
    // The second disk's request is of nothing in the map.
    #expect(listed.end == .exited(3))
    #expect(
      listed.errors.text
        == "virt-bmap: warning: standard input: no object of the map covers 512 bytes, which are left out\n")
    let files = listed.output.text
    #expect(
      files == "# virt-bmap prefetch 1\n200 1200 f /dev/sda1 /a\\012b\n0 1000 m /dev/sda1 inode table\n")
    #expect(try await prefetch(["--format", "paths"]).output.text == "/a\\012b\n")
    #expect(try await prefetch(["-0"]).output == Array("/a\nb\0".utf8))
    #expect(
      try await prefetch(["--json", "--kind", "f"]).outputLines == [
        #"{"disk":1,"length":4096,"offset":4096,"kind":"f","device":"/dev/sda1","path":"/a\\012b","object_offset":512}"#
      ])
    let resolved = try await prefetch(["--resolve", "map"], input: files)
    #expect(resolved.end == .exited(0) && resolved.output.text == "1 20200 21000\n1 30000 30200\n1 40000 41000\n")
    #expect(
      try await prefetch(["--resolve", "map", "--kind", "m"], input: files).output.text == "1 40000 41000\n")
  }

  @Test func objectsThatAreGone() async throws {
    let list = "# virt-bmap prefetch 1\n0 1000 f /dev/sda1 /gone\n0 1000 m /dev/sda1 inode table\n"
    let some = try await prefetch(["--resolve", "map"], input: list)
    #expect(some.end == .exited(3) && some.output.text == "1 40000 41000\n")
    #expect(
      some.errors.text == "virt-bmap: warning: map: 1 of 2 ranges are in objects that this map does not have\n")
    let none = try await prefetch(
      ["--resolve", "map"], input: "# virt-bmap prefetch 1\n0 1000 f /dev/sda1 /gone\n")
    #expect(none.end == .exited(1) && none.errorLines.count == 1 && none.output.isEmpty)
  }

  @Test(
    arguments: [
      ([], "", "standard input: the log is empty"), ([], "1 0 1000 v /dev/sda\n", "line 1: not a log"),
      (["--device", "/dev/sdz"], log, "standard input: there is no device /dev/sdz in this log"),
      (["--format", "x"], log, "--format"), (["-0", "--format", "files"], log, "-0 is for --format paths"),
      (["--json", "-0"], log, "--json lists ranges"), (["--resolve", "map", "-0"], log, "--resolve"),
      (["--resolve", "map"], log, "standard input: not a list of virt-bmap prefetch"),
      (["--resolve", "map"], "", "standard input: not a list of virt-bmap prefetch"),
      (["--resolve", "map"], "# virt-bmap prefetch 1\n0 1000 f /dev/sda1 /a", "line 2: the list ends in the middle"),
      (["--resolve", "map"], "# virt-bmap prefetch 1\n1 0 f /dev/sda1 /a\n", "line 2: not a line START END"),
      (["--resolve", "none"], "# virt-bmap prefetch 1\n", "none: No such file"),
      (["--format", "files"], "read f /dev/sda1 /a\n 0-1000\n", "use the JSON log, or offsets=true"),
    ] as [([String], String, String)])
  func errors(_ arguments: [String], _ input: String, _ message: String) async throws {
    let outcome = try await prefetch(arguments, input: input)
    #expect(outcome.end == .exited(1) && outcome.output.isEmpty, "\(outcome.end)")
    #expect(outcome.errorLines.count == 1 && outcome.errors.text.contains(message), "\(outcome.errors.text)")
  }

  @Test func aLogThatIsNotComplete() async throws {
    let outcome = try await prefetch([], input: Self.log + "{\"op\":")
    #expect(outcome.end == .exited(3) && outcome.output.text == "1 1000 3000\n2 0 200\n")
    #expect(outcome.errorLines.count == 1 && outcome.errors.text.contains("line 3"))
  }
}
