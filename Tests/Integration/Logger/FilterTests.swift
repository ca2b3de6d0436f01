import Glibc
import SystemPackage
import Testing

/// The logger as a filter on top of other plugins.
@Suite struct FilterTests {
  /// Runs nbdkit with these arguments and a shell script, in a directory with a disk of 4 MiB, `disk`, and its map,
  /// `map`.
  private func serve(_ arguments: [String], in scratch: Scratch, _ script: String) async throws -> Outcome {
    if !exists(scratch("disk")) {
      try scratch.makeHole("disk", size: 4 << 20)
      try scratch.write(Self.map, to: "map")
    }
    return try await run(
      "nbdkit", ["-U", "-"] + arguments.map { $0 as any Word } + ["--run", script], in: scratch.path)
  }

  private static let map = """
    # virt-bmap 2
    # disk 1 size=400000 format=raw file=disk
    # disk 2 size=200000 format=raw file=other
    # device /dev/sda1 type=ext4
    1 0 400000 v /dev/sda
    1 600 3ffe00 p /dev/sda1
    1 100000 180000 f /dev/sda1 /a
    2 0 200000 v /dev/sdb

    """

  private var filter: String { get throws { "--filter=\(try Products.loggerFilter)" } }

  private func requests(_ scratch: Scratch) throws -> [LogJSON.Request] {
    try LogJSON(contentsOf: scratch("log")).requests
  }

  /// On top of the plugin that serves a disk, the filter logs the same as the logger plugin does for that disk.
  @Test func saysWhatThePluginSays() async throws {
    let mapped = try await Maps.layers.value
    let files = mapped.map.lines.filter { $0.kind == "f" && $0.range.count >= 8192 }.prefix(40)
    let reads = files.map { "-c 'read \($0.range.lowerBound) 8192'" }.joined(separator: " ")
    let scratch = try Scratch()
    let fronts: [[any Word]] = [
      [try Products.logger, "file=\(mapped.disk)", "logfile=plugin"],
      [try filter, "file", mapped.disk, "logfile=filter"],
    ]
    for front in fronts {
      let outcome = try await run(
        "env",
        ["-i", "PATH=/usr/sbin:/usr/bin:/sbin:/bin", "nbdkit", "-U", "-"] + front
          + [
            "bmap=\(mapped.file)", "--run",
            "qemu-io -r -f raw \(reads) \"$uri\" && qemu-io -r -f raw -c 'read 0 1M' -c 'read 20M 2M' nbd+unix:////dev/sda1?socket=$unixsocket",
          ],
        in: scratch.path)
      #expect(outcome.end == .exited(0), "\(outcome.errors.text)")
      #expect(outcome.errors.text == "")
    }
    let log = try LogText(contentsOf: scratch("filter"))
    let expected = try LogText(contentsOf: scratch("plugin"))
    #expect(log.parts.count >= 40)
    #expect(log.parts == expected.parts)
  }

  /// Every kind of request reaches the plugin, and the log.
  @Test func everyRequest() async throws {
    let scratch = try Scratch()
    let outcome = try await serve(
      [try filter, "file", "disk", "bmap=map", "logfile=log", "logformat=json"], in: scratch,
      """
      PATH=/usr/bin:$PATH &&
      qemu-io -f raw -c 'write -P 5 1M 8k' -c 'read -P 5 1M 8k' -c 'write -z 1M 4k' -c 'discard 1028k 4k' -c flush "$uri" &&
      nbdsh -u "$uri" -c 'h.cache(4096, 1<<20)' && nbdinfo --map --totals "$uri" && qemu-io -r -f raw -c 'read -P 0 1M 8k' disk
      """)
    #expect(outcome.end == .exited(0), "\(outcome.errors.text)")
    #expect(!outcome.output.text.contains("failed"), "\(outcome.output.text)")
    let requests = try requests(scratch)
    for operation in ["write", "read", "zero", "trim", "flush", "cache"] {
      #expect(requests.contains { $0.op == operation && $0.result == "ok" }, "\(operation)")
    }
    for request in requests where request.op != "flush" {
      #expect(request.pieces.allSatisfy { $0.objects.first?.path == "/a" }, "\(request)")
    }
  }

  /// In any order with other filters.
  @Test func amongOtherFilters() async throws {
    let scratch = try Scratch()
    let script = """
      qemu-io -f raw -c 'write -P 7 1047040 4k' -c 'read -P 7 1047040 4k' "$uri"
      """
    // The guest sees the partition, the log the disk.
    let above = try await serve(
      [
        "--filter=stats", "--filter=delay", "--filter=offset", try filter, "--filter=cow", "file", "disk", "bmap=map",
        "logfile=log", "logformat=json", "statsfile=stats", "rdelay=1ms", "offset=1536",
      ], in: scratch, script)
    #expect(above.end == .exited(0) && !above.output.text.contains("failed"), "\(above.errors.text)")
    let seen = try requests(scratch)
    #expect(seen.filter { $0.op == "write" }.allSatisfy { $0.offset == 1_048_576 })
    #expect(seen.contains { $0.op == "read" && $0.pieces.first?.objects.first?.path == "/a" })
    // Above the cow filter, the log has what the guest wrote; below it, only what was read.
    let below = try await serve(
      [
        "--filter=cow", try filter, "--filter=delay", "--filter=stats", "file", "disk", "bmap=map", "logfile=log",
        "logformat=json", "statsfile=stats", "rdelay=1ms",
      ], in: scratch, "qemu-io -f raw -c 'write -P 7 1M 4k' -c 'read 1M 4k' -c 'read 2M 4k' \"$uri\"")
    #expect(below.end == .exited(0) && !below.output.text.contains("failed"), "\(below.errors.text)")
    let read = try requests(scratch)
    #expect(!read.isEmpty && read.allSatisfy { $0.op != "write" })
    try await expectZeros(scratch)
  }

  /// With the partition filter above, the guest has a partition and the log has the disk. With the partition filter
  /// below, the partition is the disk of the log and its map.
  @Test func ofAPartition() async throws {
    let scratch = try Scratch()
    try scratch.makeHole("disk", size: 4 << 20)
    try await tool(
      "sfdisk", ["-q", scratch("disk")], input: "label: dos\nstart=2048, size=4096, type=83\n")
    try scratch.write(Self.map, to: "map")
    let common = ["partition=1", "logfile=log", "logformat=json"]
    let above = try await serve(
      ["--filter=partition", try filter, "file", "disk", "bmap=map", "overlay=temp"] + common, in: scratch,
      "test $(nbdinfo --size \"$uri\") = 2097152 && qemu-io -f raw -c 'write -P 5 0 4k' -c 'read -P 5 0 4k' \"$uri\"")
    #expect(above.end == .exited(0) && !above.output.text.contains("failed"), "\(above.errors.text)")
    let written = try requests(scratch).filter { $0.op == "write" }
    #expect(written.map(\.offset) == [1 << 20])
    #expect(written.first?.pieces.first?.objects.first?.path == "/a")

    try scratch.write(
      "# virt-bmap 2\n# disk 1 size=200000 format=raw file=disk\n1 0 200000 v /dev/sda\n1 0 80000 f /dev/sda /a\n",
      to: "partition's")
    let below = try await serve(
      [try filter, "--filter=partition", "file", "disk", "bmap=partition's"] + common, in: scratch,
      "qemu-io -r -f raw -c 'read -P 0 0 4k' \"$uri\"")
    #expect(below.end == .exited(0) && !below.output.text.contains("failed"), "\(below.errors.text)")
    #expect(try requests(scratch).contains { $0.offset == 0 && $0.pieces.first?.objects.first?.path == "/a" })
  }

  private func expectZeros(_ scratch: Scratch) async throws {
    let outcome = try await run("cmp", ["-n", "4194304", scratch("disk"), "/dev/zero"])
    #expect(outcome.end == .exited(0), "the disk was written to")
  }

  /// An error of the plugin reaches the guest and is logged; the server goes on.
  @Test func aSourceThatFails() async throws {
    let scratch = try Scratch()
    let outcome = try await serve(
      [
        try filter, "--filter=error", "file", "disk", "bmap=map", "logfile=log", "logformat=json", "error=ENOSPC",
        "error-pwrite-rate=100%", "error-pread-rate=100%", "error-file=broken",
      ], in: scratch,
      """
      touch broken; qemu-io -f raw -c 'read 1M 4k' -c 'write 1M 4k' "$uri"; rm broken
      qemu-io -f raw -c 'read 1M 4k' "$uri"
      """)
    #expect(outcome.end == .exited(0), "\(outcome.errors.text)")
    let requests = try requests(scratch)
    let failed = requests.filter { $0.result == "ENOSPC" }
    #expect(failed.contains { $0.op == "read" } && failed.contains { $0.op == "write" }, "\(requests)")
    #expect(requests.last?.result == "ok" || requests.last?.op == "flush")
    #expect(requests.contains { $0.op == "read" && $0.result == "ok" })
  }

  /// A qcow2 image through qemu-nbd, and what is written to it.
  @Test func beforeAnotherServer() async throws {
    let scratch = try Scratch()
    try await tool("qemu-img", ["create", "-q", "-f", "qcow2", "image.qcow2", "4M"], in: scratch.path)
    let outcome = try await serve(
      [try filter, "nbd", "bmap=map", "logfile=log", "logformat=json", "socket=socket"], in: scratch,
      "qemu-io -f raw -c 'write -P 3 1M 64k' -c 'read -P 3 1M 64k' \"$uri\"",
      during: [
        "qemu-nbd", "--pid-file=\(scratch("pid"))", "-k", scratch("socket").string, "-f", "qcow2", "-t",
        scratch("image.qcow2").string,
      ])
    #expect(outcome.end == .exited(0) && !outcome.output.text.contains("failed"), "\(outcome.errors.text)")
    #expect(try requests(scratch).filter { $0.pieces.first?.objects.first?.path == "/a" }.count >= 2)
    let check = try await run(
      "qemu-io", ["-r", "-f", "qcow2", "-c", "read -P 3 1M 64k", "image.qcow2"], in: scratch.path)
    #expect(!check.output.text.contains("failed"), "\(check.output.text)")
  }

  /// Runs another server as well, which writes its process ID to `pid` when it listens, and is ended afterwards.
  private func serve(
    _ arguments: [String], in scratch: Scratch, _ script: String, during server: [String]
  ) async throws -> Outcome {
    let quoted = server.map { "'\($0)'" }.joined(separator: " ")
    try scratch.makeHole("disk", size: 4 << 20)
    try scratch.write(Self.map, to: "map")
    let nbdkit = (["nbdkit", "-U", "-"] + arguments + ["--run", script]).map {
      "'\($0.replacing("'", with: "'\\''"))'"
    }.joined(separator: " ")
    return try await run(
      "sh",
      [
        "-c",
        "\(quoted) & server=$!; while [ ! -s pid ]; do sleep 0.05; done; \(nbdkit); end=$?; kill $server; wait; exit $end",
      ],
      in: scratch.path)
  }

  @Test func anOverlay() async throws {
    let scratch = try Scratch()
    for parameter in ["overlay=temp", "overlay=kept"] {
      let outcome = try await serve(
        [try filter, "file", "disk", "bmap=map", "logfile=log", "logformat=json", parameter], in: scratch,
        "qemu-io -f raw -c 'write -P 5 1M 8k' -c 'read -P 5 1M 8k' -c 'read -P 0 2M 8k' \"$uri\"")
      #expect(outcome.end == .exited(0) && !outcome.output.text.contains("failed"), "\(outcome.errors.text)")
      try await expectZeros(scratch)
    }
    let again = try await serve(
      [try filter, "file", "disk", "bmap=map", "logfile=log", "logformat=json", "overlay=kept"], in: scratch,
      "qemu-io -r -f raw -c 'read -P 5 1M 8k' \"$uri\"")
    #expect(!again.output.text.contains("failed"), "\(again.output.text)")
  }

  /// A file that is not an overlay is rejected before anything is served.
  @Test func anOverlayThatIsNone() async throws {
    let scratch = try Scratch()
    try scratch.makeHole("bad", size: 1 << 20)
    let outcome = try await serve(
      [try filter, "file", "disk", "bmap=map", "logfile=log", "overlay=bad"], in: scratch, "echo served")
    #expect(outcome.end == .exited(1) && outcome.output.text == "")
    #expect(outcome.errors.text.contains("bad: this is not an overlay of virt-bmap's"), "\(outcome.errors.text)")
    #expect(outcome.errorLines.count == 1)
  }

  /// An overlay of another disk is detected when the disk is read, for the first client, which must not wait forever.
  @Test func anOverlayThatDoesNotFit() async throws {
    let scratch = try Scratch()
    let write = "qemu-io -f raw -c 'write -P 5 1M 8k' \"$uri\""
    let first = try await serve(
      [try filter, "file", "disk", "bmap=map", "logfile=log", "overlay=kept"], in: scratch, write)
    #expect(first.end == .exited(0))
    let other = try await serve(
      [try filter, "data", "1 @0x3fffff 0", "bmap=map", "logfile=log", "overlay=kept"], in: scratch, write)
    #expect(other.end == .exited(1))
    #expect(other.errors.text.contains("kept: this is an overlay of another disk"), "\(other.errors.text)")
  }

  /// Plugins such as nbd and eval need to know which client they are opened for: there is one, even with an overlay.
  /// Clients that connect one after the other, and at the same time, see the same disk.
  @Test(arguments: ["nbd", "eval"])
  func pluginsThatAskForTheirClient(_ plugin: String) async throws {
    let scratch = try Scratch()
    let served =
      plugin == "nbd"
      ? ["nbd", "socket=socket"]
      : [
        "eval", "get_size=echo 4194304", "open=echo h", "pread=dd if=/dev/zero count=$3 iflag=count_bytes status=none",
      ]
    let script = """
      qemu-io -f raw -c 'write -P 5 1M 8k' "$uri" && qemu-io -f raw -c 'write -P 6 2M 100k' -c 'read -P 5 1M 8k' "$uri" &&
      { nbdcopy "$uri" copy & nbdcopy "$uri" copy2 && wait && cmp copy copy2; } &&
      qemu-io -f raw -c 'read -P 6 2M 100k' copy
      """
    let outcome = try await serve(
      [try filter] + served + ["bmap=map", "logfile=log", "logformat=json", "overlay=temp"], in: scratch, script,
      during: ["nbdkit", "-f", "-P", "pid", "-U", scratch("socket").string, "memory", "4M"])
    #expect(outcome.end == .exited(0) && !outcome.output.text.contains("failed"), "\(outcome.output.text)")
    #expect(outcome.errors.text == "")
    let writes = try requests(scratch).filter { $0.op == "write" }
    #expect(writes.count >= 2 && Set(writes.map(\.connection)).count == 2)
  }

  /// A partition that starts within a block of a plugin that takes only whole blocks.
  @Test(arguments: [false, true])
  func wholeBlocksOnly(hasOverlay: Bool) async throws {
    let scratch = try Scratch()
    let copy = "nbdcopy nbd+unix:////dev/sda1?socket=$unixsocket part && cmp -n $((0x3ff800)) -i 1536:0 disk part"
    let write = "qemu-io -f raw -c 'write -P 9 1M 512' -c 'read -P 9 1M 512' -c 'read -P 8 1049088 512' \"$uri\""
    let outcome = try await serve(
      [
        try filter, "--filter=blocksize-policy", "file", "disk", "bmap=map", "logfile=log", "logformat=json",
        "blocksize-minimum=4096", "blocksize-preferred=4096", "blocksize-maximum=64K", "blocksize-error-policy=error",
      ] + (hasOverlay ? ["overlay=temp"] : []), in: scratch,
      "qemu-io -f raw -c 'write -P 8 0 4M' disk && \(copy)\(hasOverlay ? " && \(write)" : "")")
    #expect(outcome.end == .exited(0), "\(outcome.output.text)\(outcome.errors.text)")
    #expect(!outcome.output.text.contains("failed"), "\(outcome.output.text)")
  }

  /// The plugin takes one request of a connection at a time, and all clients share one connection.
  @Test func aPluginOfOneRequestAtATime() async throws {
    let scratch = try Scratch()
    try scratch.write(
      """
      #!/bin/sh
      case "$1" in
        get_size) echo 4M ;;
        thread_model) echo serialize_requests ;;
        pread) mkdir busy || exit 1; dd if=disk bs=64k iflag=count_bytes,skip_bytes count=$3 skip=$4 status=none; rmdir busy ;;
        *) exit 2 ;;
      esac

      """, to: "plugin")
    chmod(scratch("plugin").string, 0o755)
    let outcome = try await serve(
      [try filter, "sh", "plugin", "bmap=map", "logfile=log", "logformat=json", "overlay=temp"], in: scratch,
      "qemu-io -f raw -c 'write -P 9 0 4M' disk && cd \(scratch.path) && nbdcopy --connections=4 \"$uri\" copy && cmp disk copy"
    )
    #expect(outcome.end == .exited(0), "\(outcome.output.text)\(outcome.errors.text)")
    // Only exports of the map are served: the plugin's own exports are not below the overlay.
    let other = try await serve(
      [try filter, "sh", "plugin", "bmap=map", "logfile=log", "overlay=temp"], in: scratch,
      "qemu-io -r -f raw -c 'read 0 4k' nbd+unix:///other?socket=$unixsocket")
    #expect(other.end != .exited(0) && other.errors.text.contains("there is no export \"other\""))
  }

  @Test func theLogIsNotTheDisk() async throws {
    let scratch = try Scratch()
    let outcome = try await serve(
      [try filter, "file", "disk", "bmap=map", "logfile=disk"], in: scratch, "echo started")
    #expect(outcome.end == .exited(1) && outcome.output.text == "")
    #expect(outcome.errors.text.contains("the log would overwrite"), "\(outcome.errors.text)")
    #expect(try fileSize(scratch("disk")) == 4 << 20)
  }

  @Test func whatIsListed() async throws {
    let scratch = try Scratch()
    let outcome = try await serve(
      [try filter, "file", "disk", "bmap=map", "logfile=log"], in: scratch, "nbdinfo --list \"$uri\"")
    let names = outcome.outputLines.filter { $0.hasPrefix("export=") }
    #expect(names == ["export=\"\":", "export=\"/dev/sda\":", "export=\"/dev/sda1\":", "export=\"part1.ext4\":"])
    #expect(outcome.output.text.contains("description: ext4"))
  }

  /// The format of 2014 does not record how large a disk is, so a map of a larger disk is not rejected at the start.
  @Test func aPartitionBehindTheEnd() async throws {
    let scratch = try Scratch()
    try scratch.write(
      "1 0 400000 v /dev/sda\n1 100000 300000 p /dev/sda1\n1 300000 500000 p /dev/sda2\n"
        + "1 800000 fffffffffffff000 p /dev/sda3\n", to: "old")
    for front in [[try Products.logger.string], [try filter, "file"]] {
      let outcome = try await serve(
        front + ["disk", "bmap=old", "logfile=log"], in: scratch,
        """
        for n in 2 3; do qemu-io -r -f raw -c 'read 0 4k' nbd+unix:////dev/sda$n?socket=$unixsocket && exit 9; done
        qemu-io -r -f raw -c 'read 0 2M' nbd+unix:////dev/sda1?socket=$unixsocket
        """)
      #expect(outcome.end == .exited(0), "\(outcome.errors.text)")
      let refused = outcome.errorLines.filter { $0.contains("has a part of this export behind the end of disk 1") }
      #expect(refused.count == 2, "\(outcome.errors.text)")
    }
  }

  @Test func anotherDiskOfTheMap() async throws {
    let scratch = try Scratch()
    let size = try await serve(
      [try filter, "file", "disk", "bmap=map", "logfile=log", "bmap-disk=2"], in: scratch,
      "qemu-io -r -f raw -c 'read 0 4k' \"$uri\"")
    #expect(size.end != .exited(0))
    #expect(size.errors.text.contains("map: the map is of a disk of 2097152 bytes, but the plugin's disk has 4194304"))
    try scratch.makeHole("other", size: 2 << 20)
    let second = try await serve(
      [try filter, "file", "other", "bmap=map", "logfile=log", "bmap-disk=2"], in: scratch,
      "qemu-io -r -f raw -c 'read 0 4k' \"$uri\"")
    #expect(second.end == .exited(0), "\(second.errors.text)")
    #expect(try [UInt8](contentsOf: scratch("log")).text == "read v /dev/sdb\n 2:0-1000\n")
  }

  @Test(arguments: [
    (["bmap-disk=0"], "bmap-disk=0: give a number from 1 to 255"),
    (["bmap-disk=3"], "map: the map is of 2 disks, and has no disk 3"),
    (["bmap=missing"], "bmap= is given twice"), (["logformat=xml"], "logformat=xml: give text or json"),
    (["offsets=maybe"], "offsets=maybe: give true or false"), (["what=ever"], "unknown parameter 'what'"),
    (["overlay=x.vmdk"], "overlay= with a VMDK needs a disk that is a VMDK"),
    (["overlay=one", "overlay=two"], "overlay= is given twice"),
  ])
  func badParameters(parameters: [String], message: String) async throws {
    let scratch = try Scratch()
    let outcome = try await serve(
      [try filter, "file", "disk", "bmap=map", "logfile=log"] + parameters, in: scratch, "echo started")
    #expect(outcome.end == .exited(1) && outcome.output.text == "")
    #expect(outcome.errors.text.contains(message), "\(outcome.errors.text)")
  }
}
