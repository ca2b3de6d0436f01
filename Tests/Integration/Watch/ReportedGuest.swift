import SystemPackage
import Testing

/// A log of the logger about a disk whose map has names that try to be markup, and what `virt-bmap report` makes of it.
struct ReportedGuest: Sendable {
  let scratch: Scratch
  var log: FilePath { scratch("log") }
  var page: FilePath { scratch("report.html") }
  var figures: FilePath { scratch("figures") }

  static let shared = Shared { try await ReportedGuest() }

  /// Names that try to run as a script if they are read as HTML, as JavaScript, as an address or as a template.
  private static let hostile: [[UInt8]] =
    [
      "</script><script>window.hacked=1</script>", "<img src=x onerror=window.hacked=1>",
      "\"><svg onload=window.hacked=1>", "'-(window.hacked=1)-'", "`${window.hacked=1}`", "javascript:window.hacked=1",
      "{{constructor.constructor('window.hacked=1')()}}", "<!--<script>", "-->", "]]>",
      "&lt;script&gt;window.hacked=1&lt;/script&gt;", "<iframe srcdoc='<script>parent.hacked=1</script>'>",
      "<a href=javascript:window.hacked=1>x", "a\u{2028}window.hacked=1\u{2029}b", "\u{202e}gpj.exe\u{202c}", "a;b;c",
      "a,\"b\"", "\\u003cscript\\u003e", "__proto__", "constructor", "toString", "%3Cscript%3E", "#fragment", " space ",
      "=1+1", "\t\n\r\u{1b}[31m\u{7f}\u{9b}", "日本語 é",
    ].map { Array($0.utf8) } + [[0xff, 0xfe, 0x3c], [0xc3, 0x28], Array(repeating: 0x3c, count: 4000)]

  /// Two clients read, write and trim sectors of the disk, up to sixteen at a time.
  private static let clients = """
    import nbd, random, sys
    random.seed(17)
    clients = [nbd.NBD() for _ in range(2)]
    for h in clients:
        h.connect_uri(sys.argv[1])
    size = clients[0].get_size()
    place = 0
    for number in range(3000):
        h = random.choice(clients)
        length = 512 * random.choice([1, 1, 2, 8, 8, 8, 64, 256])
        place = place if random.random() < 0.4 else random.randrange(0, size // 512) * 512
        place = min(place, size - length)
        asked = random.choices(["read", "write", "trim", "zero", "flush", "cache"], [80, 10, 3, 3, 2, 2])[0]
        if asked == "read":
            h.aio_pread(nbd.Buffer(length), place)
        elif asked == "write":
            h.aio_pwrite(nbd.Buffer.from_bytearray(bytearray(length)), place)
        elif asked == "flush":
            h.aio_flush()
        else:
            getattr(h, "aio_" + asked)(length, place)
        place += length
        while h.aio_in_flight() >= 16:
            h.poll(-1)
        h.aio_command_completed(h.aio_peek_command_completed()) if h.aio_peek_command_completed() > 0 else None
    for h in clients:
        while h.aio_in_flight() > 0:
            h.poll(-1)
        h.shutdown()
    """

  private init() async throws {
    scratch = try Scratch()
    try scratch.makeHole("disk", size: 32 << 20)
    try scratch.write(Self.map, to: "map")
    try scratch.write(Self.clients, to: "clients")
    try await tool(
      "nbdkit",
      [
        "-U", "-", try Products.logger, "file=\(scratch("disk"))", "bmap=\(scratch("map"))",
        "logfile=\(scratch("log"))",
        "logformat=json", "overlay=temp", "--run", "/usr/bin/python3 '\(scratch("clients"))' \"$uri\"",
      ])
    try await report(["-o", page])
    try await report(["--json", "-o", figures])
    try await report(["--csv", "-o", scratch("csv")])
    try await report(["--folded", "-o", scratch("folded")])
    try await report(["--folded", "--by", "requests", "-o", scratch("folded-requests")])
    try await report(["--perfetto", scratch("trace")])
  }

  private func report(_ arguments: [any Word]) async throws {
    let outcome = try await tool(try Products.mapper.string, ["report", log] + arguments)
    #expect(outcome.output.isEmpty && outcome.errors.isEmpty, "\(outcome.errors.text)")
  }

  /// Runs a script of Tests/Oracles, which prints what is wrong.
  func check(_ script: String, _ arguments: [any Word]) async throws -> Outcome {
    try await run(
      Products.package.appending(".build/oracles/bin/python3").string,
      [Products.package.appending("Tests/Oracles/\(script).py")] + arguments, limit: .seconds(300))
  }

  /// Each hostile name has a file, some have two ranges, and there are names of each other kind.
  private static var map: [UInt8] {
    var lines = [Array("# virt-bmap 2\n# disk 1 size=2000000 format=raw file=disk".utf8)]
    func add(_ start: Int, _ length: Int, _ kind: String, _ name: [UInt8]) {
      let range = "1 \(String(start, radix: 16)) \(String(start + length, radix: 16)) \(kind) "
      lines.append(Array(range.utf8) + name)
    }
    func object(_ device: String, _ path: [UInt8]) -> [UInt8] {
      Array(device.utf8) + [0x20]
        + path.flatMap { byte -> [UInt8] in
          guard byte < 0x20 || byte == 0x7f || byte == 0x5c else { return [byte] }
          let digits = String(byte, radix: 8)
          return Array(("\\" + String(repeating: "0", count: 3 - digits.utf8.count) + digits).utf8)
        }
    }
    add(0, 32 << 20, "v", Array("/dev/sda".utf8))
    add(0, 512, "b", object("/dev/sda", Array("MBR".utf8)))
    add(1 << 20, 20 << 20, "p", Array("/dev/sda1".utf8))
    add(1 << 20, 64 << 10, "m", object("/dev/sda1", Array("inode table".utf8)))
    for (number, name) in hostile.enumerated() {
      let start = (2 << 20) + number * (512 << 10)
      let path = Array("/d\(number % 3)/".utf8) + name
      add(start, 200 << 10, "f", object("/dev/sda1", path))
      if number % 4 == 0 { add(start, 200 << 10, "f", object("/dev/sda1", Array("/link/\(number)".utf8))) }
      if number % 2 == 0 { add(start + (300 << 10), 4096, "d", object("<b>/dev/sdb</b>", path)) }
    }
    for (number, name) in ["/boot/vmlinuz", "/sbin/init", "/usr/sbin/sshd"].enumerated() {
      add((19 << 20) + number << 16, 32 << 10, "f", object("/dev/sda1", Array(name.utf8)))
    }
    return lines.flatMap { $0 + [0x0a] }
  }
}
