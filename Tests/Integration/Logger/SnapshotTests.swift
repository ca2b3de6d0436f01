import Glibc
import SystemPackage
import Testing

/// `overlay=FILE.vmdk`: what a client writes goes to a VMDK snapshot of the disk.
@Suite struct SnapshotTests {
  private let scratch: Scratch
  private var base: FilePath { scratch("base.vmdk") }
  private var overlay: FilePath { scratch("overlay.vmdk") }

  init() throws { scratch = try Scratch() }

  /// Makes a VMDK of 48 MiB and one sector, with two grain tables, half of it random and half never allocated.
  private func makeBase(_ kind: String = "monolithicSparse") async throws {
    let size = (48 << 20) + 512
    try scratch.makeHole("raw", size: size)
    try await tool("dd", ["if=/dev/urandom", "of=\(scratch("raw"))", "bs=1M", "count=24", "conv=notrunc"])
    try await tool(
      "qemu-img", ["convert", "-f", "raw", "-O", "vmdk", "-o", "subformat=\(kind)", scratch("raw"), base])
  }

  private func serve(_ client: String, _ options: [any Word] = []) async throws -> Outcome {
    try await run(
      "nbdkit",
      ["-U", "-", try Products.logger, base, "bmap=none", "logfile=\(scratch("log"))", "overlay=\(overlay)"]
        + options + ["--run", client])
  }

  /// Random commands for qemu-io: writes of all sizes, zeros, trims and flushes.
  private func commands(_ count: Int) -> [String] {
    let size = (48 << 20) + 512
    return (0..<count).map { number in
      let start = Int.random(in: 0..<size / 512) * 512
      let length = min(size - start, Int.random(in: 1...[1, 8, 300, 2000].randomElement()!) * 512)
      return switch number % 8 {
      case 0..<4: "write -P \(number % 250 + 1) \(start) \(length)"
      case 4: "write -f -P \(number % 250 + 1) \(start) \(length)"
      case 5: "write -z \(start) \(length)"
      case 6: "discard \(start) \(length)"
      default: "flush"
      }
    }
  }

  private func words(_ commands: [String]) -> String { commands.map { "-c '\($0)'" }.joined(separator: " ") }

  @Test(arguments: ["monolithicSparse", "streamOptimized"])
  func isWhatAPlainCopyGets(kind: String) async throws {
    try await makeBase(kind)
    let before = try await tool("sha256sum", [base]).output
    let copy = scratch("copy.raw")
    try await tool("cp", ["--sparse=always", scratch("raw"), copy])
    for _ in 0..<3 {
      // Write zeros instead of trimming, so that the overlay and the copy have the same contents for certain.
      let commands = commands(60).map { $0.replacing("discard ", with: "write -z ") }
      let outcome = try await serve("qemu-io -f raw \(words(commands)) \"$uri\"")
      #expect(outcome.end == .exited(0) && outcome.errors.text == "", "\(outcome.errors.text)")
      #expect(!outcome.output.text.contains("failed"), "\(outcome.output.text)")
      try await tool("sh", ["-c", "qemu-io -f raw \(words(commands)) \"$0\"", copy])
      try await tool("qemu-img", ["compare", "-f", "vmdk", "-F", "raw", overlay, copy])
      #expect(try await tool("qemu-img", ["check", "-f", "vmdk", overlay]).output.text.contains("No errors"))
    }
    // Serve it once more with everything in it, and then overwrite it from start to end.
    let read = try await serve("nbdcopy \"$uri\" \(scratch("read")) && cmp \(scratch("read")) \(copy)")
    #expect(read.end == .exited(0), "\(read.errors.text)")
    try await tool("dd", ["if=/dev/urandom", "of=\(copy)", "bs=1M", "count=47", "conv=notrunc"])
    let written = try await serve("nbdcopy --flush \(copy) \"$uri\"")
    #expect(written.end == .exited(0), "\(written.errors.text)")
    try await tool("qemu-img", ["compare", "-f", "vmdk", "-F", "raw", overlay, copy])
    #expect(try await tool("sha256sum", [base]).output == before, "the disk was written to")
  }

  @Test func whatWasFlushedOutlivesTheServer() async throws {
    try await makeBase()
    let copy = scratch("copy.raw")
    try await tool("cp", ["--sparse=always", scratch("raw"), copy])
    for round in 1...3 {
      let flushed = [
        "write -P \(round) \(round)M 100k", "write -P \(round) \(30 + round)M 70k", "write -z 5M 1M",
        "write -P \(round) 47M 1k",
      ]
      // The same writes, and others in grains of their own that are not flushed; then the server is killed.
      let client = """
        import nbd, os, signal, sys
        h = nbd.NBD()
        h.connect_uri(sys.argv[1])
        m = 1 << 20
        h.pwrite(bytes([\(round)]) * 102400, \(round) * m)
        h.pwrite(bytes([\(round)]) * 71680, \(30 + round) * m)
        h.zero(m, 5 * m)
        h.flush()
        h.pwrite(bytes([\(round)]) * 1024, 47 * m, nbd.CMD_FLAG_FUA)
        h.pwrite(b"x" * 307200, \(10 + round) * m)
        h.pwrite(b"x" * 4096, \(40 + round) * m)
        os.kill(int(open("\(scratch("pid"))").read()), signal.SIGKILL)
        """
      try scratch.write(client, to: "client")
      let outcome = try await serve("/usr/bin/python3 \(scratch("client")) \"$uri\"", ["-P", scratch("pid")])
      // The client did everything it was to do.
      #expect(!outcome.errors.text.contains("Traceback"), "\(outcome.errors.text)")
      try await tool("sh", ["-c", "qemu-io -f raw \(words(flushed)) \"$0\"", copy])
      #expect(try await tool("qemu-img", ["check", "-f", "vmdk", overlay]).output.text.contains("No errors"))
      try await tool("qemu-img", ["compare", "-f", "vmdk", "-F", "raw", overlay, copy])

      let again = try await serve("nbdcopy \"$uri\" \(scratch("read")) && cmp \(scratch("read")) \(copy)")
      #expect(again.end == .exited(0), "\(again.errors.text)")
      #expect(again.errorLines.count == 1 && again.errors.text.contains("was not closed cleanly"))
    }
    // After another write, it is as if nothing had happened.
    let last = try await serve("qemu-io -f raw -c 'write -P 5 0 4k' \"$uri\"")
    #expect(last.end == .exited(0), "\(last.errors.text)")
    #expect(try await serve("true").errors.text == "")
  }

  /// A crash of the host cannot be tested here, but the order of writes and flushes can.
  @Test func noTableIsAheadOfItsGrains() async throws {
    try await makeBase()
    let commands = (0..<300).map { number in
      let start = Int.random(in: 0..<96_000) * 512
      if number % 20 == 19 { return "flush" }
      return "\(number % 20 == 10 ? "write -f" : "aio_write") \(start) \([512, 4096, 70_144].randomElement() ?? 512)"
    }
    let outcome = try await run(
      "strace",
      [
        "-f", "-xx", "-s", "2048", "-e", "trace=pwrite64,fdatasync", "-o", scratch("trace"), "nbdkit", "-U", "-",
        try Products.logger, base, "bmap=none", "logfile=\(scratch("log"))", "overlay=\(overlay)", "--run",
        "qemu-io -f raw \(words(commands)) \"$uri\"",
      ])
    #expect(outcome.end == .exited(0), "\(outcome.errors.text)")
    let order = StoreOrder(
      try [UInt8](contentsOf: scratch("trace")).text, of: try [UInt8](contentsOf: overlay))
    #expect(order.entries > 300 && order.early == [], "\(order.entries)")
  }

  @Test func whatIsTakenUpIsStale() async throws {
    try await makeBase()
    _ = try await serve("qemu-io -f raw -c 'write 1M 512' \"$uri\"")
    try scratch.write(
      "# virt-bmap 2\n# disk 1 size=3000200 format=vmdk file=base.vmdk\n1 0 3000200 v /dev/sda\n", to: "map")
    let outcome = try await run(
      "nbdkit",
      [
        "-U", "-", try Products.logger, base, "bmap=\(scratch("map"))", "logfile=\(scratch("log"))",
        "overlay=\(overlay)", "logformat=json", "--run", "qemu-io -r -f raw -c 'read 1M 64k' -c 'read 2M 64k' \"$uri\"",
      ])
    #expect(outcome.end == .exited(0), "\(outcome.errors.text)")
    let log = try [UInt8](contentsOf: scratch("log")).text.split(separator: "\n")
    let reads = log.filter { $0.contains("\"offset\":1048576,") || $0.contains("\"offset\":2097152,") }
    #expect(reads.map { $0.contains("\"stale\":true") } == [true, false], "\(log)")
  }

  @Test func refusesWithOneLine() async throws {
    try await makeBase()
    func refusal(_ disk: any Word, _ overlay: FilePath) async throws -> String {
      let outcome = try await run(
        "nbdkit",
        [
          "-U", "-", try Products.logger, disk, "bmap=none", "logfile=\(scratch("log"))", "overlay=\(overlay)",
          "--run", "echo started",
        ])
      #expect(outcome.end == .exited(1) && outcome.output == [])
      #expect(outcome.errorLines.count == 1, "\(outcome.errors.text)")
      return outcome.errors.text
    }
    #expect(try await refusal(scratch("raw"), overlay).contains("has to be over a VMDK"))
    #expect(try await refusal(base, base).contains("is a file of the disk itself"))
    try await tool("qemu-img", ["create", "-f", "vmdk", scratch("other.vmdk"), "10M"])
    try await tool(
      "qemu-img", ["create", "-f", "vmdk", "-b", scratch("other.vmdk"), "-F", "vmdk", scratch("child.vmdk")])
    #expect(try await refusal(base, scratch("child.vmdk")).contains("a snapshot of a disk of 10485760 bytes"))
    #expect(try await refusal(base, scratch("other.vmdk")).contains("no snapshot over another"))
    #expect(try names(in: scratch.path) == ["base.vmdk", "child.vmdk", "other.vmdk", "raw"])
  }
}
