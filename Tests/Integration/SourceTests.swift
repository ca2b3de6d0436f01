import Glibc
import Subprocess
import SystemPackage
import Testing

/// Disks that are not raw or VMDK files: wherever they come from, the map is the same.
@Suite struct SourceTests {
  /// A domain's disk in a format that needs qemu-nbd: a snapshot of an image in another format.
  @Test func aDomainsSnapshot() async throws {
    let run = try MapperRun()
    let scratch = run.scratch
    let disk = try await Guests.demo.value.appending("guest.raw")
    try await tool("qemu-img", ["convert", "-f", "raw", "-O", "vdi", disk, scratch("base.vdi")])
    try await tool(
      "qemu-img", ["create", "-q", "-f", "qcow2", "-F", "vdi", "-b", "base.vdi", "guest.img"], in: scratch.path)
    let image = scratch("guest.img")
    let domain = try Self.node(
      "<disk type='file'><driver type='qcow2'/><source file='\(image)'/><target dev='vda' bus='virtio'/></disk>",
      in: scratch)
    let outcome = try await run(["-c", domain, "-d", "guest", "--allow-external", "-o", "map"])
    #expect(outcome.end == .exited(0) && outcome.errors.text == "", "\(outcome.errors.text)")
    try await expectDemoMap(scratch("map"), header: "# disk 1 size=1b000000 format=qcow2 file=\(image)")
    try await run.expectNothingLeft()
  }

  private static let uri = "nbd+unix:///?socket=s"

  /// Runs virt-bmap on `uri`, which a server serves to one client only. The server exits when its client disconnects.
  private func withServer(of disk: FilePath, _ run: MapperRun, _ arguments: [any Word]) async throws -> Outcome {
    let (socket, ready) = (run.scratch("s"), run.scratch("pid"))
    // Left by an earlier server.
    unlink(ready.string)
    let server = Task {
      // As long as other virtual machines may make virt-bmap wait.
      try await Integration.run(
        "qemu-nbd", ["--read-only", "--format=raw", "--socket=\(socket)", "--pid-file=\(ready)", disk],
        limit: .seconds(3600))
    }
    try await wait(for: "qemu-nbd to listen", within: .seconds(60)) { exists(ready) }
    let outcome = try await run(arguments)
    #expect(try await server.value.end == .exited(0))
    try await run.expectNothingLeft()
    return outcome
  }

  @Test func anNBDServer() async throws {
    let run = try MapperRun()
    let disk = try await Guests.demo.value.appending("guest.raw")
    let outcome = try await withServer(of: disk, run, [Self.uri, "-o", "map"])
    #expect(outcome.end == .exited(0) && outcome.errors.text == "", "\(outcome.errors.text)")
    try await expectDemoMap(run.scratch("map"), header: "# disk 1 size=1b000000 format=raw file=\(Self.uri)")
  }

  /// Neither `--method read`, which checks what it has read, nor verify connects a second time.
  @Test func anNBDServerIsAskedOnce() async throws {
    let run = try MapperRun()
    let disk = try await SmallDisks(scratch: run.scratch).withoutTable()
    let mapped = try await withServer(of: disk, run, [Self.uri, "--method", "read", "-o", "map"])
    #expect(mapped.end == .exited(0) && mapped.errors.text == "", "\(mapped.errors.text)")
    let verified = try await withServer(of: disk, run, ["verify", Self.uri, "map"])
    #expect(verified.end == .exited(0) && verified.errors.text == "", "\(verified.errors.text)")
    #expect(verified.outputLines.last?.hasSuffix(" proved, 0 excepted, 0 wrong") == true, "\(verified.output.text)")
  }

  /// 8 EiB less one byte, of which qemu accepts all but the last GiB: what is visible is mapped, and the rest is
  /// reported in a warning.
  @Test func theLargestDisk() async throws {
    let run = try MapperRun()
    let disk = try await SmallDisks(scratch: run.scratch).withoutTable()
    let words: [any Word] = ["-U", "s", "data", "<\(disk)", "size=\(Int64.max)", "--run"]
    let mapper = "'\(try Products.mapper)' -o map 'nbd+unix:///?socket=s'"
    let outcome = try await run.execute(["nbdkit"] + words + [mapper])
    #expect(outcome.end == .exited(3))
    #expect(outcome.errorLines.count == 1 && outcome.errors.text.contains(" beyond 9223372035781033984 bytes"))
    let map = try MapText(contentsOf: run.scratch("map"))
    #expect(map.lines("v", "/dev/sda").map(\.range) == [0..<UInt64(Int64.max)])
    #expect(map.lines("f", "/dev/sda", Array("/the file".utf8)).count == 1)
    try await run.expectNothingLeft()
  }

  /// If virt-bmap is killed, or the server below it, nothing is left behind, and there is no map.
  @Test(arguments: ["virt-bmap", "qemu-nbd"])
  func dyingHalfWay(name: String) async throws {
    let run = try MapperRun()
    let disk = try SmallDisks(scratch: run.scratch).blank()
    try await tool("qemu-img", ["convert", "-f", "raw", "-O", "qcow2", disk, run.scratch("disk.qcow2")])
    let outcome = try await run(["disk.qcow2", "-o", "map"]) { running in
      _ = try await run.processes.waitFor("qemu-system")
      kill(name == "virt-bmap" ? running.id : try await run.processes.waitFor(name), SIGKILL)
    }
    if name == "virt-bmap" {
      #expect(outcome.end == .signalled(SIGKILL))
      try await wait(for: "the processes to end", within: .seconds(30)) { run.processes.alive().isEmpty }
    } else {
      expectOneLine(outcome, "disk.qcow2: ", "qemu-nbd")
      try await run.expectNothingLeft()
    }
    #expect(!exists(run.scratch("map")))
  }

  /// An NBD server that virt-bmap has not started goes away.
  @Test func anNBDServerThatDies() async throws {
    let run = try MapperRun()
    let disk = try SmallDisks(scratch: run.scratch).blank()
    let socket = run.scratch("s")
    let pids = run.scratch("pid")
    try await tool("nbdkit", ["--unix", socket, "--pidfile", pids, "file", disk])
    guard let server = pid_t(try [UInt8](contentsOf: pids).text.prefix { $0 != "\n" }) else {
      throw TestFailure("nbdkit has no number")
    }
    defer { kill(server, SIGKILL) }
    let outcome = try await run(["nbd+unix:///?socket=s", "-o", "map"]) { _ in
      _ = try await run.processes.waitFor("qemu-system")
      kill(server, SIGKILL)
    }
    expectOneLine(outcome, "nbd+unix:///?socket=s: ")
    #expect(!exists(run.scratch("map")))
    try await run.expectNothingLeft()
  }

  /// The URI of a node of libvirt's test driver with the domain `guest`, which is shut off.
  static func node(_ disks: String, in scratch: Scratch) throws -> String {
    let path = try scratch.write(
      """
      <node>
        <domain type="test" xmlns:test="http://libvirt.org/schemas/domain/test/1.0">
          <name>guest</name><memory>1024</memory><os><type>hvm</type></os><devices>\(disks)</devices>
          <test:runstate>5</test:runstate>
        </domain>
      </node>
      """, to: "node.xml")
    return "test://\(path)"
  }
}
