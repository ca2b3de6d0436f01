import SystemPackage
import Testing

/// The options of virt-bmap and the logger that open a disk in spite of a problem.
@Suite struct DiskOptionTests {
  private static let parameters = ["allow-external", "ignore-cid", "ignore-journal"]

  /// Runs nbdkit with the logger, these parameters and a command.
  private func logger(_ parameters: [any Word], run command: String, in scratch: Scratch) async throws -> Outcome {
    try await run(
      "nbdkit", ["-U", "-", try Products.logger, "bmap=none", "logfile=log"] + parameters + ["--run", command],
      in: scratch.path)
  }

  @Test func loggerServesAChain() async throws {
    let scratch = try Scratch()
    let files = try await SmallVMDKs(scratch: scratch).chain()
    let outcome = try await logger(["file=\(files[2])"], run: "nbdcopy \"$uri\" ours.raw", in: scratch)
    #expect(outcome.end == .exited(0) && outcome.errors.text == "", "\(outcome.errors.text)")
    try await tool("qemu-img", ["convert", "-f", "vmdk", "-O", "raw", files[2], "theirs.raw"], in: scratch.path)
    try await tool("cmp", ["ours.raw", "theirs.raw"], in: scratch.path)
  }

  @Test func loggerRefusesWhatIsElsewhere() async throws {
    let scratch = try Scratch()
    let files = try await SmallVMDKs(scratch: scratch).chain(in: ["", "one", "one"])
    for refused in [[], ["allow-external=false"]] {
      let outcome = try await logger(["file=\(files[1])"] + refused, run: "echo started", in: scratch)
      #expect(outcome.end == .exited(1) && outcome.output.text == "")
      #expect(outcome.errorLines.count == 1 && outcome.errors.text.contains("allow-external"), "\(outcome.errors.text)")
    }
    let outcome = try await logger(
      ["file=\(files[1])", "allow-external=true"], run: "nbdcopy \"$uri\" ours.raw", in: scratch)
    #expect(outcome.end == .exited(0) && outcome.errors.text == "", "\(outcome.errors.text)")
    try await tool("qemu-img", ["convert", "-f", "vmdk", "-O", "raw", files[1], "theirs.raw"], in: scratch.path)
    try await tool("cmp", ["ours.raw", "theirs.raw"], in: scratch.path)
  }

  @Test func loggerIgnoresWhatItIsTold() async throws {
    let scratch = try Scratch()
    let disks = SmallVMDKs(scratch: scratch)
    let files = try await disks.chain()
    try disks.changeCID(of: files[1])
    for (disk, parameter) in [(files[2], "ignore-cid"), (try disks.seSparse(replaysJournal: true), "ignore-journal")] {
      let refused = try await logger(["file=\(disk)", "\(parameter)=0"], run: "echo started", in: scratch)
      #expect(refused.end == .exited(1) && refused.output.text == "" && refused.errors.text.contains(parameter))
      let outcome = try await logger(["file=\(disk)", "\(parameter)=on"], run: "echo started", in: scratch)
      #expect(outcome.end == .exited(0) && outcome.output.text == "started\n", "\(outcome.errors.text)")
      #expect(outcome.errorLines.count == 1, "a warning: \(outcome.errors.text)")
    }
  }

  @Test(arguments: parameters)
  func loggerWantsABoolean(parameter: String) async throws {
    let scratch = try Scratch()
    try scratch.makeHole("disk", size: 1 << 20)
    let outcome = try await logger(["disk", "\(parameter)=perhaps"], run: "echo started", in: scratch)
    #expect(outcome.end == .exited(1) && outcome.output.text == "")
    #expect(outcome.errors.text.contains("\(parameter)=perhaps: give true or false"), "\(outcome.errors.text)")
    let twice = try await logger(["disk", "\(parameter)=1", "\(parameter)=1"], run: "echo started", in: scratch)
    #expect(twice.end == .exited(1) && twice.errors.text.contains("\(parameter)= is given twice"))
  }

  @Test func loggerSaysWhatItTakes() async throws {
    let fields = try await tool("nbdkit", ["--dump-plugin", try Products.logger]).outputLines
    let types = try #require(fields.first { $0.hasPrefix("bmaplogger_vmdk_types=") })
    for type in ["monolithicSparse", "streamOptimized", "vmfsSparse", "seSparse", "custom"] {
      #expect(types.contains(type), "\(type)")
    }
    let help = try await tool("nbdkit", ["--help", try Products.logger]).output.text
    for parameter in Self.parameters { #expect(help.contains("\(parameter)=BOOL"), "\(parameter)") }
  }

  /// A disk that can be opened only with an option is refused without it before anything is started. With the option,
  /// the run gets as far as the output, which cannot be written.
  @Test(arguments: parameters)
  func mapperTakesTheOptions(option: String) async throws {
    let run = try MapperRun()
    let disks = SmallVMDKs(scratch: run.scratch)
    let disk: FilePath
    switch option {
    case "allow-external": disk = try await disks.chain(in: ["", "one", "one"])[1]
    case "ignore-cid":
      let files = try await disks.chain()
      try disks.changeCID(of: files[0])
      disk = files[1]
    default: disk = try disks.seSparse(replaysJournal: true)
    }
    let output = ["-o", "no/such/directory/map"]
    expectOneLine(try await run([disk] + output, launchesAppliance: false, limit: .seconds(300)), "\(option)")
    let outcome = try await run([disk, "--\(option)"] + output, launchesAppliance: false, limit: .seconds(300))
    #expect(outcome.end == .exited(1))
    #expect(outcome.errorLines.last?.contains("no/such/directory/map") == true, "\(outcome.errors.text)")
    try await run.expectNothingLeft()
  }

  /// The whole way, including the recorder: a snapshot whose parent is in another directory and was changed.
  @Test func mapperMapsASnapshot() async throws {
    let run = try MapperRun()
    let (scratch, disks) = (run.scratch, SmallVMDKs(scratch: run.scratch))
    let raw = try await SmallDisks(scratch: scratch).withoutTable()
    try scratch.makeDirectory("one")
    try await tool("qemu-img", ["convert", "-f", "raw", "-O", "vmdk", raw, "base.vmdk"], in: scratch.path)
    try await tool(
      "qemu-img", ["create", "-q", "-f", "vmdk", "-F", "vmdk", "-b", "../base.vmdk", "one/snapshot.vmdk"],
      in: scratch.path)
    try disks.changeCID(of: scratch("base.vmdk"))
    let snapshot = scratch("one").appending("snapshot.vmdk")
    let outcome = try await run([snapshot, "--allow-external", "--ignore-cid", "-o", "map"])
    #expect(outcome.end == .exited(0), "\(outcome.errors.text)")
    #expect(outcome.errors.text.contains("was changed after the snapshot was taken"))
    let lines = try [UInt8](contentsOf: scratch("map")).text
    #expect(lines.contains("f /dev/sda /the file\n"), "\(lines)")
    #expect(lines.contains("format=vmdk"))
    try await run.expectNothingLeft()
  }
}
