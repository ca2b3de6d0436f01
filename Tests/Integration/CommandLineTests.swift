import SystemPackage
import Testing

/// The messages and the exit status of virt-bmap.
@Suite struct CommandLineTests {
  private func mapper(_ arguments: [any Word]) async throws -> Outcome {
    let run = try MapperRun()
    let outcome = try await run(arguments, launchesAppliance: false, limit: .seconds(300))
    try await run.expectNothingLeft()
    #expect(try names(in: run.scratch.path) == ["t"])
    return outcome
  }

  @Test(arguments: ["-V", "--version"])
  func version(option: String) async throws {
    let outcome = try await mapper([option])
    #expect(outcome.end == .exited(0))
    #expect(outcome.output.text.wholeMatch(of: /virt-bmap [0-9]+\.[0-9]+\.[0-9]+\n/) != nil)
    #expect(outcome.errors.text == "")
  }

  @Test(arguments: ["-h", "--help"])
  func help(option: String) async throws {
    let outcome = try await mapper([option])
    #expect(outcome.end == .exited(0))
    for word in [
      "virt-bmap", "--output", "--format", "--allow-external", "--ignore-cid", "--ignore-journal", "-q", "-v", "-x",
      "--machine-readable", "-V", "virt-bmap info", "virt-bmap verify",
    ] {
      #expect(outcome.output.text.contains(word), "\(word)")
    }
    #expect(outcome.errors.text == "")
  }

  @Test func capabilities() async throws {
    let outcome = try await mapper(["--machine-readable"])
    #expect(outcome.end == .exited(0))
    for line in ["virt-bmap", "map-format=2", "input-format=raw", "input-format=vmdk", "lookup", "verify", "info"] {
      #expect(outcome.outputLines.contains(line), "\(line)")
    }
    #expect(outcome.errors.text == "")
  }

  @Test(arguments: [
    [], ["--no-such-option"], ["-f", "qcow3", "disk"], ["-o"], ["one", "two"], ["-o", "", "/dev/null"], [""],
  ])
  func misuseIsOneLine(arguments: [String]) async throws {
    expectOneLine(try await mapper(arguments))
  }

  /// The messages, in the style of the libguestfs tools.
  @Test func messages() async throws {
    let mapped = try await Maps.layers.value
    let manifest = try Manifest(contentsOf: mapped.disk.removingLastComponent().appending("layers.manifest"))
    #expect(mapped.outcome.errors.text == "")
    let devices = [
      ("/dev/sda1", "ext4"), ("/dev/sda2", "vfat"), ("/dev/sda3", "btrfs"), ("btrfsvol:/dev/sda3/sub", "btrfs"),
      ("/dev/sda4", "ntfs"), ("/dev/sda6", "exfat"), ("/dev/sda7", "minix"), ("/dev/vg/root", "ext4"),
      ("/dev/vg/xfs", "xfs"),
    ]
    // Each of the two ext4 filesystems has a lost+found, and the subvolume's name in its parent is a directory too.
    let directories = manifest.directories.count + 3
    // A file with hard links counts once; each has three names.
    let files = manifest.files.count - manifest.files.filter { ($0.links ?? 1) > 1 }.count * 2 / 3
    var expected = (1...7).map { "examining /dev/sda\($0) ..." }
    expected += ["examining /dev/vg/root ...", "examining /dev/vg/xfs ..."]
    expected += devices.map { "examining filesystem on \($0.0) (\($0.1)) ..." }
    expected += [
      "successfully examined 7 partitions, 2 logical volumes,\n"
        + "           9 filesystems, \(directories) directories, \(files) files",
      "output written to \(mapped.file)",
    ]
    let lines = mapped.outcome.output.text.split(separator: "\n", omittingEmptySubsequences: false)
    #expect(lines.dropLast(2).map { "\($0)\n" }.joined() == expected.map { "virt-bmap: \($0)\n" }.joined())
    // The last line is that of `virt-bmap summary`.
    let summary = try await tool(try Products.mapper.string, ["summary", mapped.file]).outputLines.last
    #expect(lines.suffix(2).first.map { "summary: \($0.dropFirst(11))" } == summary)
  }

  @Test func quiet() async throws {
    let outcome = try await Maps.demo.value.outcome
    #expect(outcome.output.text == "" && outcome.errors.text == "")
  }
}
