import Glibc
import SystemPackage
import Testing

/// What happens to the log when it cannot be written as fast as the disk is read, or not at all. The clients use
/// libnbd.
@Suite struct LogLossTests {
  /// Eight connections read 125,000 sectors each, all of them different, 25 at a time. A request that is made after a
  /// response must come after it in the log. Each client prints how long its slowest 25 reads took, in seconds.
  private static let clients = """
    import nbd, os, sys, time
    def client(uri, number):
        h = nbd.NBD()
        h.connect_uri(uri)
        slowest = 0
        for turn in range(5000):
            began = time.monotonic()
            buffers = [nbd.Buffer(512) for _ in range(25)]
            left = {h.aio_pread(b, ((number * 5000 + turn) * 25 + i) * 512) for i, b in enumerate(buffers)}
            while left:
                h.poll(-1)
                left = {c for c in left if not h.aio_command_completed(c)}
            slowest = max(slowest, time.monotonic() - began)
        print("slowest %.1f" % slowest, flush=True)
    children = []
    for number in range(8):
        child = os.fork()
        if child == 0:
            client(sys.argv[1], number)
            os._exit(0)
        children.append(child)
    for child in children:
        if os.waitpid(child, 0)[1] != 0:
            sys.exit(1)
    """

  /// Reads a log in JSON Lines as a slow disk takes it: nothing for two seconds, and then with pauses.
  private static let reader = """
    import json, time
    seen, turns, wrong, last = bytearray(1000000), {}, 0, {}
    with open("log") as log:
        time.sleep(2)
        for count, line in enumerate(log, 1):
            if count % 20000 == 0:
                time.sleep(0.1)
            request = json.loads(line)
            if request["op"] != "read" or request["length"] != 512 or request["result"] != "ok":
                wrong += 1
            number = request["offset"] // 512
            seen[number] += 1
            connection, turn = request["connection"], number // 25
            if turn < last.get(connection, turn) or turn // 5000 != last.get(connection, turn) // 5000:
                wrong += 1
            last[connection] = turn
    print(count, "lines,", len(last), "connections,", seen.count(1), "once,", wrong, "wrong")
    """

  @Test func noneOfAMillionRequestsIsLost() async throws {
    let scratch = try Scratch()
    try scratch.makeHole("disk", size: 512_000_000)
    try scratch.write(Self.clients, to: "clients")
    try scratch.write(Self.reader, to: "reader")
    // It takes all processors, as virtual machines do.
    let outcome = try await Slots.virtualMachines.run {
      try await tool(
        "sh",
        [
          "-c",
          """
          mkfifo log
          python3 reader > read & reader=$!
          nbdkit -U - "$1" disk bmap=none logformat=json logfile=log --run '/usr/bin/python3 clients "$uri"' || exit 1
          wait $reader && cat read
          """, "sh", try Products.logger,
        ], environment: ["PATH": "/usr/sbin:/usr/bin:/sbin:/bin"], in: scratch.path, limit: .seconds(300))
    }
    #expect(outcome.errors.text == "")
    let lines = outcome.outputLines
    #expect(lines.last == "1000000 lines, 8 connections, 1000000 once, 0 wrong")
    // The clients had to wait for the log.
    let slowest = lines.dropLast().compactMap { Double($0.dropFirst("slowest ".count)) }
    #expect(slowest.count == 8)
    #expect(slowest.contains { $0 > 0.5 }, "\(slowest)")
  }

  /// A command that reads `count` sectors, one after the other.
  private func reads(_ count: Int) -> String {
    "/usr/bin/python3 -c 'import nbd, sys; h = nbd.NBD(); h.connect_uri(sys.argv[1])\nfor i in range(\(count)):"
      + " h.pread(512, i * 512)' \"$uri\""
  }

  @Test func aReaderThatLeavesTheFIFOStopsTheLogAlone() async throws {
    let scratch = try Scratch()
    try scratch.makeHole("disk", size: 1 << 20)
    try scratch.write(reads(1), to: "first")
    try scratch.write(reads(500), to: "others")
    let outcome = try await tool(
      "sh",
      [
        "-c",
        """
        mkfifo log
        head -n 1 log > read & export reader=$!
        nbdkit -U - "$1" disk bmap=none logformat=json logfile=log --run '
          export uri; sh first || exit 1
          while kill -0 $reader 2> /dev/null && ! test -s read; do sleep 0.05; done; sleep 0.3
          sh others && sleep 0.3 && sh others && echo went on'
        wc -l < read
        """, "sh", try Products.logger,
      ], in: scratch.path)
    #expect(outcome.output.text == "went on\n1\n")
    #expect(
      outcome.errorLines.map { $0.split(separator: ": ", maxSplits: 2).last ?? "" } == [
        "cannot write the log, requests go on unlogged: Broken pipe", "1000 requests were not logged",
      ])
  }

  /// A file that must not grow is like a full disk: it holds whole lines, and the lost requests are counted.
  @Test func aLogThatCannotGrowHoldsWholeLines() async throws {
    let scratch = try Scratch()
    try scratch.makeHole("disk", size: 1 << 20)
    try scratch.write(reads(2000), to: "reads")
    let outcome = try await tool(
      "bash",
      [
        "-c",
        """
        (ulimit -f 64; exec nbdkit -U - "$1" disk bmap=none logformat=json logfile=log \\
          --run 'export uri; for i in 1 2 3; do sh reads || exit 1; sleep 0.3; done; echo went on')
        test $(stat -c %s log) -le 65536 && jq -s 'map(select(.op)) | length' log
        """, "bash", try Products.logger,
      ], in: scratch.path)
    #expect(outcome.errorLines.count == 2, "\(outcome.errors.text)")
    #expect(outcome.errorLines.first?.contains("cannot write the log, requests go on unlogged: File too large") == true)
    let lost = try #require(outcome.errorLines.last?.split(separator: " ").compactMap { Int($0) }.first)
    let lines = try #require(outcome.outputLines.last.flatMap { Int($0) })
    #expect(outcome.outputLines.first == "went on")
    #expect(lost + lines == 6000)
  }

  /// Every range lies within all ranges before it.
  @Test func aMillionRangesOverOneByte() async throws {
    let scratch = try Scratch()
    try scratch.makeHole("disk", size: 2 << 30)
    var map: [UInt8] = Array("# virt-bmap 2\n# disk 1 size=80000000 format=raw file=disk\n".utf8)
    for number in 0..<1_000_000 {
      let start = number * 512
      map += "1 \(String(start, radix: 16)) \(String(0x8000_0000 - start, radix: 16)) f /dev/sda1 /\(number)\n".utf8
    }
    try scratch.write(map, to: "map")
    let outcome = try await tool(
      "nbdkit",
      [
        "-U", "-", try Products.logger, "disk", "bmap=map", "logfile=log", "logformat=json", "--run",
        "qemu-io -r -f raw -c 'read 512M 4k' -c 'read 0 4k' -c 'read 1073741312 1k' \"$uri\"",
      ], in: scratch.path)
    #expect(!outcome.output.text.contains("failed"), "\(outcome.output.text)")
    #expect(outcome.errors.text == "")
    let requests = try LogJSON(contentsOf: scratch("log")).requests
    #expect(requests.map(\.offset) == [512 << 20, 0, 1_073_741_312])
    let full = try #require(requests.first?.pieces)
    #expect(full.map(\.objects.count) == [64])
    #expect(full.first?.objects.first?.part.name.path.text == "/999999")
    #expect(requests.dropFirst().first?.pieces.map(\.objects.count) == Array(1...8))
  }

  /// The last bytes that an NBD offset can address.
  @Test func theEndOfTheLargestDisk() async throws {
    let scratch = try Scratch()
    let size: UInt64 = 1 << 63 - 512
    try scratch.write(
      """
      # Disk DescriptorFile
      version=1
      CID=fffffffe
      parentCID=ffffffff
      createType="custom"
      RW \(size / 512) ZERO

      """, to: "disk.vmdk")
    let end = String(size, radix: 16)
    try scratch.write(
      """
      # virt-bmap 2
      # disk 1 size=\(end) format=vmdk file=disk.vmdk
      1 0 \(end) v /dev/sda
      1 \(String(size - 4096, radix: 16)) \(end) f@\(String(size - 4096, radix: 16)) /dev/sda /last

      """, to: "map")
    let script = """
      size = h.get_size()
      h.set_strict_mode(0)
      print(size, h.pread(1, size - 1) == b"\\0", h.pread(8192, size - 8192) == bytes(8192))
      for offset, count in [(0, 0), (size, 0), (size, 1), (size - 1, 2), (2**63 - 1, 4096)]:
          try: h.pread(count, offset)
          except nbd.Error as e: print(e.errno)
      print(h.pread(512, 0) == bytes(512))
      """
    try scratch.write(script, to: "script")
    let outcome = try await run(
      "nbdkit",
      [
        "-U", "-", try Products.logger, "disk.vmdk", "bmap=map", "logfile=log", "logformat=json", "--run",
        "PATH=/usr/bin:$PATH; nbdsh -u \"$uri\" -c \"$(cat script)\"",
      ], in: scratch.path)
    #expect(outcome.end == .exited(0), "\(outcome.errors.text)")
    // nbdkit itself rejects requests beyond the end, and requests of no bytes.
    let refused = Array(repeating: "EINVAL", count: 5)
    #expect(outcome.outputLines == ["\(size) True True"] + refused + ["True"], "\(outcome.errors.text)")
    let requests = try LogJSON(contentsOf: scratch("log")).requests
    #expect(requests.map(\.offset) == [size - 1, size - 8192, 0])
    #expect(requests.map { $0.pieces.map(\.objects.count) } == [[2], [1, 2], [1]])
    #expect(requests.first?.pieces.first?.objects.map(\.offset) == [size - 1, size - 1])
  }
}
