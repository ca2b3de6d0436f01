import SystemPackage
import Testing

/// Disks that cannot be reached: one error line, status 1, and everything that was started has ended.
@Suite struct BadSourceTests {
  private func expectRefusal(
    _ arguments: [any Word], _ words: String, in run: MapperRun, environment: [String: String?] = [:]
  ) async throws {
    let before = try names(in: run.scratch.path)
    let outcome = try await run(arguments, environment: environment, launchesAppliance: false, limit: .seconds(300))
    expectOneLine(outcome, words)
    #expect(try names(in: run.scratch.path) == before)
    try await run.expectNothingLeft()
  }

  @Test func servers() async throws {
    let run = try MapperRun()
    let none = "nbd+unix:///x?socket=none"
    try await expectRefusal([none], "\(none): cannot connect: connect: No such file or directory", in: run)
    try await expectRefusal(["nbd://127.0.0.1:1"], "nbd://127.0.0.1:1: cannot connect: ", in: run)
    try await expectRefusal(["info", none], "\(none): info is about files", in: run)
    try await expectRefusal(["-f", "qcow2", none], "\(none): what an NBD server serves is ", in: run)
    try await expectRefusal([none, none], "\(none): this disk is given twice", in: run)

    // nbdkit writes its PID file when it listens; the socket appears earlier.
    let (socket, ready) = (run.scratch("s"), run.scratch("pid"))
    try run.scratch.makeHole("disk", size: 1 << 20)
    let server = Task {
      try await Integration.run(
        "nbdkit", ["-f", "-U", socket, "-P", ready, "file", "dir=\(run.scratch.path)"], limit: .seconds(60)
      ) { running in
        try await wait(for: "the test", within: .seconds(60)) { !exists(run.scratch("disk")) }
        running.send(15)
      }
    }
    try await wait(for: "nbdkit to listen", within: .seconds(60)) { exists(ready) }
    let wrong = "nbd+unix:///wrong?socket=s"
    try await expectRefusal([wrong], "\(wrong): the server ", in: run)
    try await tool("rm", [run.scratch("disk")])
    _ = try await server.value
  }

  @Test func images() async throws {
    let run = try MapperRun()
    let scratch = run.scratch
    try scratch.makeHole("raw", size: 1 << 20)
    for format in ["qcow2", "qcow", "qed", "vdi", "vhdx", "vpc", "parallels", "dmg", "cloop", "bochs"] {
      try await expectRefusal(["-f", format, "raw"], "raw: qemu-nbd: ", in: run)
    }
    try await expectRefusal(["-f", "qcow2", "none"], "none: cannot open: No such file or directory", in: run)
    try await expectRefusal(["-f", "qcow2", "."], ".: is a directory", in: run)
    try await expectRefusal(["-f", "qcow3", "raw"], "The value 'qcow3' is invalid", in: run)
    try await expectRefusal(
      ["-f", "qcow2", "raw"], "qemu-nbd: this program is not installed", in: run,
      environment: ["PATH": scratch.path.string])
  }

  /// An image may come from anybody, so the files that it names are not opened. The backing file here is a FIFO that
  /// nobody writes to: opening it would hang.
  @Test func imagesThatNameOtherFiles() async throws {
    let run = try MapperRun()
    let scratch = run.scratch
    try await tool("mkfifo", [scratch("secret")])
    for format in ["qcow2", "qcow", "qed"] {
      let name = "\(format).\(format)"
      try await tool(
        "qemu-img", ["create", "-q", "-u", "-f", format, "-b", scratch("secret"), "-F", "raw", scratch(name), "1M"])
      try await expectRefusal([name], "\(name): it has a backing file, \(scratch("secret")); --allow-external", in: run)
    }
    try await tool(
      "qemu-img", ["create", "-q", "-f", "qcow2", "-o", "data_file=\(scratch("data"))", scratch("external"), "1M"])
    try await tool("rm", [scratch("data")])
    try await expectRefusal(["-f", "qcow2", "external"], "external: its data is in another file; --allow", in: run)
    try await expectRefusal(
      ["-f", "qcow2", "external", "--allow-external"], "external: qemu-nbd: Could not open '\(scratch("data"))'",
      in: run)
  }

  @Test func domains() async throws {
    let run = try MapperRun()
    let scratch = run.scratch
    let node = try SourceTests.node(
      """
      <disk type='file'><driver type='raw'/><source file='\(scratch("no such disk"))'/>\
      <target dev='vda' bus='virtio'/></disk>
      """, in: scratch)
    try await expectRefusal(["-c", node, "-d", "another"], "domain another: Domain not found", in: run)
    try await expectRefusal(["-c", node, "-d", "guest"], "\(scratch("no such disk")): cannot open: ", in: run)
    try await expectRefusal(["-c", "test:///no/such/file", "-d", "guest"], "test:///no/such/file: ", in: run)
    try await expectRefusal(["-c", node, "-d", "guest", "disk"], "give disks or a domain (-d), not both", in: run)
    try await expectRefusal(["-c", node, "disk"], "-c goes with -d", in: run)
    try await expectRefusal(["-c", node, "-d", "guest", "-f", "raw"], "-f does not go with -d", in: run)
    let strange = try SourceTests.node(
      "<disk type='file'><driver type='fat'/><source file='/x'/><target dev='vda' bus='virtio'/></disk>", in: scratch)
    try await expectRefusal(
      ["-c", strange, "-d", "guest"], "domain guest: a disk's format is fat, which is not supported", in: run)
  }
}
