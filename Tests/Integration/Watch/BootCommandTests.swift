import Glibc
import SystemPackage
import Testing

/// `virt-bmap boot`: the demo guest boots from its disk alone, and nothing is left.
@Suite struct BootCommandTests {
  private let run: MapperRun

  init() throws { run = try MapperRun() }

  private func disk() async throws -> FilePath { try await Guests.demo.value.appending("guest.vmdk") }

  /// Boots the demo guest.
  private func boot(
    _ options: [any Word], disk: FilePath? = nil,
    during: @escaping @Sendable (Running) async throws -> Void = { _ in }
  ) async throws -> Outcome {
    let guest = if let disk { disk } else { try await self.disk() }
    let map = try await Maps.demo.value.file
    return try await run(
      ["boot", "--map", map, guest] + options, limit: .seconds(400), during: during)
  }

  private func sha256(_ file: FilePath) async throws -> String { try await tool("sha256sum", [file]).output.text }

  /// What jq, which knows nothing of us, says about the log.
  private func ask(_ log: FilePath, _ filter: String) async throws -> [String] {
    try await tool("jq", ["-r", filter, log]).outputLines
  }

  private func expectWholeLines(_ log: FilePath) async throws {
    let text = try [UInt8](contentsOf: log)
    #expect(text.last == 0x0a)
    #expect(try await ask(log, ".op").count == text.count { $0 == 0x0a })
  }

  @Test func toItsPowerOff() async throws {
    let disk = try await disk()
    let before = try await sha256(disk)
    let outcome = try await boot(["--log", "boot.json", "--console", "console", "-q"])
    #expect(outcome.end == .exited(0), "\(outcome.errors.text)")
    #expect(outcome.errors.text == "")
    #expect(try [UInt8](contentsOf: run.scratch("console")).text.contains("virt-bmap demo guest: read 9 files"))
    #expect(try await sha256(disk) == before, "the disk was written to")
    let log = run.scratch("boot.json")
    try await expectWholeLines(log)
    let read = try await ask(log, #"select(.op == "read") | .pieces[].objects[0].path // "-""#)
    for path in ["/boot/vmlinuz", "/sbin/init", "/usr/share/demo/a name with spaces", "/big/data-2"] {
      #expect(read.contains(path))
    }
    // The summary has the same figures.
    let reads = try await ask(log, #"select(.op == "read") | .length"#).compactMap { Int($0) }
    let lines = outcome.outputLines
    let words = lines.map { $0.split(separator: " ").map(String.init) }
    #expect(words.contains { $0.starts(with: ["read", String(reads.count)]) }, "\(lines)")
    let files = lines.drop { !$0.hasPrefix("files and other objects") }
    #expect(files.dropFirst(2).first?.hasSuffix("  /dev/sda1 /boot/vmlinuz") == true, "\(lines)")
    #expect(lines.contains { $0.hasSuffix("  kernel and initrd") }, "\(lines)")
    try await run.expectNothingLeft()
  }

  @Test func untilALineIsSeen() async throws {
    let outcome = try await boot(["-q", "--log", "log", "--log-format", "text", "--until", "init started on d.*o$"])
    #expect(outcome.end == .exited(0), "\(outcome.errors.text)")
    let log = try LogText(contentsOf: run.scratch("log"))
    #expect(log.parts.contains { $0.objects.contains { $0.name.path.text == "/sbin/init" } })
    #expect(!log.parts.contains { $0.objects.contains { $0.name.path.text == "/big/data-2" } }, "it went on")
    try await run.expectNothingLeft()
  }

  /// A disk on which there is nothing.
  private func emptyDisk() throws -> [any Word] {
    try run.scratch.makeHole("empty.raw", size: 1 << 20)
    let map = "# virt-bmap 2\n# disk 1 size=100000 format=raw file=empty.raw\n1 0 100000 v /dev/sda\n"
    try run.scratch.write(map, to: "empty.map")
    return ["boot", "--map", "empty.map", "empty.raw", "-q"]
  }

  @Test func aGuestThatNeverBoots() async throws {
    let outcome = try await run(emptyDisk() + ["--timeout", "3"], limit: .seconds(120))
    #expect(outcome.end == .exited(0), "\(outcome.errors.text)")
    try await run.expectNothingLeft()
  }

  @Test func aGuestThatNeverSaysIt() async throws {
    let outcome = try await run(emptyDisk() + ["--timeout", "3", "--until", "login: "], limit: .seconds(120))
    #expect(outcome.end == .exited(1))
    #expect(
      outcome.errorLines == ["virt-bmap: --until login: : not seen on the console before --timeout was over"])
    try await run.expectNothingLeft()
  }

  /// A terminal's Ctrl-C goes to everything in the group. The guest powers off by itself a little later.
  @Test func controlC() async throws {
    let outcome = try await boot(["-q", "--log", "log"]) { running in
      _ = try await run.processes.waitFor("qemu-system")
      try await Task.sleep(for: .seconds(2))
      running.sendToGroup(SIGINT)
    }
    #expect(outcome.end == .exited(0), "\(outcome.errors.text)")
    let read = try await ask(run.scratch("log"), #".pieces[].objects[0].path // "-""#)
    #expect(read.contains("/big/data-2"), "it was not shut down, but killed")
    try await run.expectNothingLeft()
  }

  @Test(arguments: [SIGINT, SIGTERM]) func aSecondSignalKills(signal: Int32) async throws {
    let outcome = try await boot(["-q", "--log", "log"]) { running in
      _ = try await run.processes.waitFor("qemu-system")
      try await Task.sleep(for: .seconds(2))
      running.sendToGroup(signal)
      try await Task.sleep(for: .seconds(1))
      running.sendToGroup(signal)
    }
    #expect(outcome.end == .signalled(signal), "\(outcome.errors.text)")
    try await expectWholeLines(run.scratch("log"))
    try await run.expectNothingLeft()
  }

  @Test func killedLeavesNoProcess() async throws {
    let outcome = try await boot(["-q", "--log", "log"]) { running in
      _ = try await run.processes.waitFor("qemu-system")
      try await Task.sleep(for: .seconds(2))
      running.send(SIGKILL)
    }
    #expect(outcome.end == .signalled(SIGKILL))
    try await wait(for: "the processes to end", within: .seconds(60)) { run.processes.alive().isEmpty }
    try await expectWholeLines(run.scratch("log"))
  }

  @Test func qemuCannotStart() async throws {
    expectOneLine(try await boot(["-q", "--", "-nonsense"]), "qemu-system-x86_64: -nonsense: invalid option")
    try await run.expectNothingLeft()
    expectOneLine(
      try await boot(["-q", "--qemu", "/nowhere/qemu"]), "/nowhere/qemu: cannot run this program: No such file")
    try await run.expectNothingLeft()
  }

  @Test func nbdkitCannotStart() async throws {
    try run.scratch.makeHole("other.raw", size: 1 << 20)
    expectOneLine(
      try await boot(["-q"], disk: run.scratch("other.raw")), "nbdkit: ", "the map is of a disk of 452984832 bytes")
    try await run.expectNothingLeft()
  }

  @Test func programsThatDie() async throws {
    for name in ["nbdkit", "qemu-system"] {
      let outcome = try await boot(["-q"]) { _ in
        _ = try await run.processes.waitFor("qemu-system")
        kill(try await run.processes.waitFor(name), SIGKILL)
      }
      expectOneLine(outcome, name)
      try await run.expectNothingLeft()
    }
  }

  @Test func theOverlayIsKept() async throws {
    let outcome = try await boot(["-q", "--keep", "keep.vmdk"])
    #expect(outcome.end == .exited(0), "\(outcome.errors.text)")
    try await tool("qemu-img", ["check", run.scratch("keep.vmdk")])
    let compared = try await Integration.run("qemu-img", ["compare", run.scratch("keep.vmdk"), try await disk()])
    #expect(compared.end == .exited(1), "the guest has written nothing: \(compared.output.text)")
    try await run.expectNothingLeft()
  }

  @Test func aFormatThatOnlyQemuReads() async throws {
    let image = run.scratch("guest.qcow2")
    try await tool("qemu-img", ["convert", "-f", "vmdk", "-O", "qcow2", try await disk(), image])
    let outcome = try await boot(["-q", "--log", "log", "--until", "init started"], disk: image)
    #expect(outcome.end == .exited(0), "\(outcome.errors.text)")
    #expect(try await ask(run.scratch("log"), #".pieces[].objects[0].path // "-""#).contains("/sbin/init"))
    try await run.expectNothingLeft()
  }

  /// The boot loader reads through the BIOS, so this needs no driver in the guest.
  @Test(arguments: ["scsi", "sata", "nvme", "ide"]) func otherControllers(interface: String) async throws {
    let outcome = try await boot(["-q", "--interface", interface, "--until", "SYSLINUX", "--timeout", "60"])
    #expect(outcome.end == .exited(0), "\(outcome.errors.text)")
    try await run.expectNothingLeft()
  }

  /// A disk with only an EFI system partition, and no map: it is mapped, and UEFI starts its boot loader. That is a
  /// kernel here.
  @Test func aDiskForUEFIWithoutAMap() async throws {
    let disk = try run.scratch.makeHole("uefi.raw", size: 96 << 20)
    try await tool("sfdisk", ["-q", disk], input: "label: gpt\nstart=2048, size=190000, type=U\n")
    let kernels = try names(in: "/boot").filter { $0.hasPrefix("vmlinuz-") }
    let kernel = FilePath("/boot").appending(try #require(kernels.last))
    let partition = "\(disk)@@1M"
    try await tool("mformat", ["-i", partition, "-T", "190000", "-F", "::"])
    try await tool("mmd", ["-i", partition, "::/EFI", "::/EFI/BOOT"])
    try await tool("mcopy", ["-i", partition, kernel, "::/EFI/BOOT/BOOTX64.EFI"])
    let outcome = try await run([
      "boot", disk, "-q", "--log", "log", "--until", "BdsDxe: starting Boot", "--timeout", "300",
    ])
    #expect(outcome.end == .exited(0), "\(outcome.errors.text)")
    let reads = try await ask(
      run.scratch("log"), #".pieces[] | select(.objects[0].path == "/EFI/BOOT/BOOTX64.EFI") | .length"#)
    // The map has whole clusters.
    let read = reads.compactMap { UInt64($0) }.reduce(0, +)
    #expect(try (fileSize(kernel)...fileSize(kernel) + 65536).contains(read), "\(read)")
    #expect(try names(in: run.scratch.path) == ["log", "t", "uefi.raw"], "the map was kept")
    try await run.expectNothingLeft()
  }

  @Test func theDiskIsNotOverwritten() async throws {
    let disk = try await disk()
    for option in ["--log", "--console"] {
      expectOneLine(try await boot(["-q", option, disk]), "which would be overwritten")
    }
  }

  @Test func noTerminalGetsALineASecond() async throws {
    let outcome = try await run(emptyDisk().dropLast() + ["--timeout", "4"], limit: .seconds(120))
    #expect(outcome.outputLines.count { $0.contains("req/s") } >= 2, "\(outcome.output.text)")
  }
}
