import SystemPackage
import Testing

/// A guest has the same map whatever format its disk has. Each run uses other options, which are tested along the
/// way.
@Suite struct FormatTests {
  private func convert(_ kind: String, to name: String, in scratch: Scratch) async throws -> FilePath {
    let disk = try await Guests.demo.value.appending("guest.raw")
    let target = scratch(name)
    try await tool("qemu-img", ["convert", "-f", "raw", "-O", "vmdk", "-o", "subformat=\(kind)", disk, target])
    return target
  }

  /// Without a terminal nothing is printed; the map is `bmap`; a disk may have a relative name of any bytes.
  @Test func monolithicSparse() async throws {
    let run = try MapperRun()
    let name: [UInt8] = Array("a disk\n\\".utf8) + [0xff] + Array(".vmdk".utf8)
    let disk = try await convert("monolithicSparse", to: "guest.vmdk", in: run.scratch)
    try await tool("mv", [disk, name], in: run.scratch.path)
    let outcome = try await run([name])
    #expect(outcome.end == .exited(0))
    #expect(outcome.output.text == "" && outcome.errors.text == "")
    let shown = "a\\040disk\\012\\134"
    let text = try [UInt8](contentsOf: run.scratch("bmap"))
    let header = try #require(text.split(separator: 0x0a).dropFirst().first)
    #expect(
      header.elementsEqual(Array("# disk 1 size=1b000000 format=vmdk file=\(shown)".utf8) + [0xff] + ".vmdk".utf8))
    try
      (text.split(separator: 0x0a).map { $0 == header ? Array("# disk 1".utf8) : Array($0) }.joined(separator: [0x0a]))
      .map { $0 }.write(to: run.scratch("plain"))
    try await expectDemoMap(run.scratch("plain"), header: "# disk 1")
    try await run.expectNothingLeft()
  }

  /// With `-v`, libguestfs's messages and the times are printed. The format is given, because the name does not show
  /// it.
  @Test func monolithicFlat() async throws {
    let run = try MapperRun()
    let disk = try await convert("monolithicFlat", to: "guest.vmdk", in: run.scratch)
    try await tool("mv", [disk, run.scratch("guest.img")])
    let outcome = try await run(["--format", "vmdk", "-v", "--output", "map", "guest.img"])
    #expect(outcome.end == .exited(0))
    #expect(outcome.errors.text.contains("libguestfs: "))
    let pattern = /virt-bmap: appliance launched in ([0-9.]+) s, walked in ([0-9.]+) s\n/
    let times = try #require(outcome.errors.text.firstMatch(of: pattern))
    #expect(try #require(Double(times.1)) > 0.5 && #require(Double(times.2)) > 0.1)
    try await expectDemoMap(run.scratch("map"), header: "# disk 1 size=1b000000 format=vmdk file=guest.img")
    try await run.expectNothingLeft()
  }

  /// With `-x`, libguestfs's calls are printed. An older map is replaced.
  @Test func twoGbMaxExtentSparse() async throws {
    let run = try MapperRun()
    _ = try await convert("twoGbMaxExtentSparse", to: "guest.vmdk", in: run.scratch)
    try run.scratch.write("an older map\n", to: "map")
    let outcome = try await run(["-x", "-o", "map", "guest.vmdk"])
    #expect(outcome.end == .exited(0))
    #expect(outcome.errors.text.contains("libguestfs: trace: launch"))
    try await expectDemoMap(run.scratch("map"), header: "# disk 1 size=1b000000 format=vmdk file=guest.vmdk")
    #expect(try names(in: run.scratch.path) == ["guest-s001.vmdk", "guest.vmdk", "map", "t"])
    try await run.expectNothingLeft()
  }

  /// On a terminal: messages, and a progress bar that is erased at the end.
  @Test func twoGbMaxExtentFlat() async throws {
    let run = try MapperRun()
    _ = try await convert("twoGbMaxExtentFlat", to: "guest.vmdk", in: run.scratch)
    let command = "'\(try Products.mapper)' -f vmdk -o map guest.vmdk"
    let outcome = try await run.execute(["script", "-q", "-e", "-c", command, "/dev/null"])
    #expect(outcome.end == .exited(0))
    let shown = outcome.output.text.replacing(/\u{1b}\[[0-9;]*[A-Za-z]/, with: "").replacing("\r\n", with: "\n")
    #expect(shown.contains("virt-bmap: examining filesystem on /dev/sda2 (xfs) ...\n"))
    #expect(shown.contains("virt-bmap: output written to \(run.scratch("map"))\n"))
    try await expectDemoMap(run.scratch("map"), header: "# disk 1 size=1b000000 format=vmdk file=guest.vmdk")
    try await run.expectNothingLeft()
  }

  /// A snapshot of a renamed streamOptimized file, in which every grain has to be decompressed.
  @Test func aSnapshotOverStreamOptimized() async throws {
    let run = try MapperRun()
    let base = try await convert("streamOptimized", to: "exported.vmdk", in: run.scratch)
    try await tool("mv", [base, run.scratch("base.vmdk")])
    try await tool(
      "qemu-img", ["create", "-q", "-f", "vmdk", "-b", "base.vmdk", "-F", "vmdk", "guest.vmdk"], in: run.scratch.path)
    let outcome = try await run(["-o", "map", "guest.vmdk"])
    #expect(outcome.end == .exited(0))
    try await expectDemoMap(run.scratch("map"), header: "# disk 1 size=1b000000 format=vmdk file=guest.vmdk")
    try await run.expectNothingLeft()
  }
}
