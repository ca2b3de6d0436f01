import Glibc
import SystemPackage
import Testing

/// The logger as it is installed, in a real nbdkit, on the layers guest.
@Suite struct LoggerTests {
  /// Serves a disk, reads these ranges of it one after the other, and returns the log.
  private func log(
    _ mapped: MappedGuest, reading requests: [Range<UInt64>], options: [any Word] = [], after: [any Word] = []
  ) async throws -> LogText {
    let scratch = try Scratch()
    try await log(mapped, reading: requests, options: options, after: after, to: scratch)
    return try LogText(contentsOf: scratch("log"))
  }

  private func log(
    _ mapped: MappedGuest, reading requests: [Range<UInt64>], options: [any Word] = [], after: [any Word] = [],
    to scratch: Scratch
  ) async throws {
    let reads = requests.map { "-c 'read \($0.lowerBound) \($0.count)'" }.joined(separator: " ")
    // The environment of a machine without Swift.
    let outcome = try await run(
      "env",
      ["-i", "PATH=/usr/sbin:/usr/bin:/sbin:/bin", "nbdkit", "-U", "-"] + options + [
        try Products.logger, "file=\(mapped.disk)", "bmap=\(mapped.file)", "logfile=\(scratch("log"))",
      ] + after + ["--run", "qemu-io -r -f raw \(reads) \"$uri\""])
    #expect(outcome.end == .exited(0), "\(outcome.errors.text)")
    #expect(outcome.errors.text == "")
    #expect(!outcome.output.text.contains("failed"), "\(outcome.output.text)")
  }

  /// The interesting ranges of the layers guest.
  private func requests(of mapped: MappedGuest) throws -> [Range<UInt64>] {
    let map = mapped.map
    let size = try fileSize(mapped.disk)
    let file = try #require(map.lines("f", "/dev/sda1", Array("/sizes/1048577".utf8)).first).range.lowerBound
    let files = map.lines.filter { $0.kind == "f" && $0.device.text == "/dev/sda1" }
    let neighbours = try #require(
      zip(files, files.dropFirst()).first { $0.range.upperBound == $1.range.lowerBound && $0.path != $1.path }?.0)
    let directory = try #require(map.lines("d", "/dev/sda2", Array("/many".utf8)).first).range
    let volume = try #require(map.lines("l", "/dev/vg/root").last).range
    let linked = try #require(map.lines("f", "/dev/vg/xfs", Array("/links/two".utf8)).first).range
    return [
      // Within a file, and again; across two files; more than a directory.
      file + 4096..<file + 8192, file + 512..<file + 1024,
      neighbours.range.upperBound - 512..<neighbours.range.upperBound + 512,
      directory.lowerBound - 1024..<directory.upperBound + 4096,
      // Before the first partition; its first sectors, which no file has; the end of a volume; a file with three
      // names.
      0..<512, 1 << 20 - 512..<1 << 20 + 1024, volume.upperBound - 8192..<volume.upperBound + 512, linked,
      // The end of the disk; the gap after the last partition; large reads.
      size - 512..<size, size - 65536..<size - 65024, file..<file + 8 << 20, 0xa10_0000..<0xc10_0000,
    ]
  }

  /// Maps of earlier versions do not say what is unallocated or unwritten, so devices are named there.
  @Test(arguments: [false, true])
  func requestsAreNamedAsTheMapSays(isOlder: Bool) async throws {
    var mapped = try await Maps.layers.value
    let scratch = try Scratch()
    if isOlder {
      let lines = try [UInt8](contentsOf: mapped.file).split(separator: 0x0a).filter { line in
        let kind = line.split(separator: 0x20, maxSplits: 4).dropFirst(3).first?.first
        return line.first == 0x23 || kind != UInt8(ascii: "u") && kind != UInt8(ascii: "a")
      }
      mapped.file = scratch("map")
      try scratch.write(Array(lines.joined(separator: [0x0a])) + [0x0a], to: "map")
      mapped.map = try MapText(contentsOf: mapped.file)
    }
    let requests = try requests(of: mapped)
    let log = try await log(mapped, reading: requests)
    let expected = mapped.map.attribution(of: requests)
    #expect(log.remarks == [])
    #expect(log.parts.map(\.joined).count == expected.count)
    for (part, other) in zip(log.parts.map(\.joined), expected) { #expect(part == other) }
    // The cases that the requests were chosen for are among them.
    let kinds = Set(expected.flatMap { $0.objects.map(\.kind) })
    #expect(kinds == (isOlder ? ["f", "d", "b", "m", "l", "p", "v"] : ["f", "d", "b", "m", "u", "a"]))
    #expect(expected.contains { $0.objects.count == 3 })
  }

  @Test func bothFormsSayTheSame() async throws {
    let mapped = try await Maps.layers.value
    let names = mapped.map.lines.filter { $0.kind == "f" && $0.path.starts(with: "/names/".utf8) }
    let requests = try requests(of: mapped) + names.map { $0.range.lowerBound..<$0.range.lowerBound + 512 }
    let scratch = try Scratch()
    try await log(mapped, reading: requests, after: ["logformat=json"], to: scratch)
    let json = try LogJSON(contentsOf: scratch("log"))
    #expect(json.requests.map { $0.offset..<$0.offset + $0.length } == requests)
    let isPlain = json.requests.allSatisfy {
      $0.op == "read" && $0.disk == 1 && $0.connection == 1 && $0.result == "ok" && $0.latency > 0
    }
    #expect(isPlain)
    let times = json.requests.map(\.time)
    #expect(times == times.sorted())
    let text = try await log(mapped, reading: requests, after: ["offsets=true"])
    #expect(text.parts.map(\.joined) == json.parts)

    // Every object that covers a piece is listed, with the offset that the map gives.
    var checked = 0
    for piece in json.requests.flatMap(\.pieces) {
      let here = mapped.map.lines.filter {
        $0.range.lowerBound <= piece.offset && $0.range.upperBound >= piece.offset + piece.length
      }
      #expect(piece.objects.count == here.count)
      for object in piece.objects {
        let isThere = here.contains { line in
          line.kind == object.part.kind && line.name == object.part.name
            && line.offset + (piece.offset - line.range.lowerBound) == object.offset
        }
        #expect(isThere, "\(object)")
        checked += 1
      }
    }
    #expect(checked > 200)
    // The text log has the offset of each object that it names.
    let firsts = Dictionary(
      json.requests.flatMap(\.pieces).map { ($0.offset, $0.named.map(\.offset)) },
      uniquingKeysWith: { first, _ in first })
    let named = text.parts.filter { !$0.objects.isEmpty }.flatMap(\.ranges)
    #expect(named.count == text.offsets.count && named.count >= requests.count)
    for (range, offsets) in zip(named, text.offsets) {
      let expected = try #require(firsts[range.lowerBound])
      #expect(Set(offsets) == Set(expected))
    }
  }

  @Test func namesOfAnyBytesAreInTheLog() async throws {
    let mapped = try await Maps.layers.value
    let lines = mapped.map.lines.filter {
      $0.kind == "f" && $0.device.text == "/dev/vg/root"
        && ($0.path.starts(with: "/names/".utf8) || $0.path.count > 250 || $0.path.starts(with: "/not@".utf8))
    }
    #expect(lines.count >= 14)
    #expect(lines.contains { $0.path.count > 4096 })
    let log = try await log(mapped, reading: lines.map { $0.range.lowerBound..<$0.range.lowerBound + 512 })
    #expect(log.parts == mapped.map.attribution(of: lines.map { $0.range.lowerBound..<$0.range.lowerBound + 512 }))
    #expect(log.parts.flatMap { $0.objects.map(\.name.path) } == lines.map(\.path))
  }

  /// The log has offsets on the disk, whatever filters are in between; writes stay in the filter above.
  @Test func underFilters() async throws {
    let mapped = try await Maps.layers.value
    let line = try #require(mapped.map.lines("f", "/dev/sda1", Array("/sizes/65536".utf8)).first)
    let before = try await tool("sha256sum", [mapped.disk]).output
    let scratch = try Scratch()
    let start = line.range.lowerBound - (1 << 20)
    let script = """
      qemu-io -f raw -c 'write -P 7 \(start) 4096' -c 'read -P 7 \(start) 4096' -c 'read \(start + 8192) 4096' "$uri"
      """
    let outcome = try await tool(
      "nbdkit",
      [
        "-U", "-", "--filter=partition", "--filter=cow", try Products.logger, "file=\(mapped.disk)",
        "bmap=\(mapped.file)", "logfile=\(scratch("log"))", "partition=1", "cow-block-size=4096", "--run", script,
      ])
    #expect(!outcome.output.text.contains("failed"), "\(outcome.output.text)")
    let read = try LogText(contentsOf: scratch("log")).parts.map(\.joined).filter {
      $0.objects.first?.name == line.name
    }
    let second = line.range.lowerBound + 8192
    #expect(read.flatMap(\.ranges).contains { $0.lowerBound <= second && $0.upperBound >= second + 4096 })
    #expect(try await tool("sha256sum", [mapped.disk]).output == before, "the disk was written to")
  }

  @Test func needsNoSwift() async throws {
    for product in [
      try Products.logger, try Products.loggerFilter, try Products.recorder, try Products.mapper, try Products.walker,
    ] {
      let outcome = try await run("ldd", [product])
      #expect(!outcome.output.text.lowercased().contains("swift"), "\(product): \(outcome.output.text)")
      #expect(!outcome.output.text.contains("not found"), "\(product): \(outcome.output.text)")
    }
  }

  private func refusal(_ parameters: [any Word], in scratch: Scratch) async throws -> String {
    let outcome = try await run(
      "nbdkit", ["-U", "-", try Products.logger] + parameters + ["--run", "echo started"], in: scratch.path)
    #expect(outcome.end == .exited(1))
    #expect(!outcome.output.text.contains("started"))
    #expect(outcome.errorLines.count == 1, "\(outcome.errors.text)")
    return outcome.errors.text
  }

  @Test func refusesWhatDoesNotBelongTogether() async throws {
    let scratch = try Scratch()
    try scratch.makeHole("disk", size: 1 << 20)
    try scratch.write("# virt-bmap 2\n# disk 1 size=200000 format=raw file=x\n1 0 200000 v /dev/sda\n", to: "other")
    let sizes = try await refusal(["disk", "bmap=other"], in: scratch)
    #expect(sizes.contains("1048576") && sizes.contains("2097152"), "\(sizes)")

    try scratch.write("# virt-bmap 2\n# disk 1 size=100000 format=raw file=x\n1 0 1000 v /dev/sda\nwhat?\n", to: "bad")
    #expect(try await refusal(["disk", "bmap=bad"], in: scratch).contains("bad: line 4: "))
    try scratch.makeHole("zeros", size: 4096)
    #expect(try await refusal(["disk", "bmap=zeros"], in: scratch).contains("zeros"))
    #expect(try await refusal(["disk", "bmap=missing"], in: scratch).contains("missing: "))
    #expect(try await refusal(["disk"], in: scratch).contains("bmap"))
    #expect(try await refusal(["bmap=none", "file=missing"], in: scratch).contains("missing: "))
    #expect(
      try await refusal(["disk", "bmap=none", "logfile=no/directory/log"], in: scratch).contains("no/directory/log"))
    #expect(try await refusal(["disk", "bmap=none", "format=qcow2"], in: scratch).contains("qcow2"))
    #expect(try names(in: scratch.path) == ["bad", "disk", "other", "zeros"])
  }

  @Test func withoutAMap() async throws {
    let scratch = try Scratch()
    try scratch.makeHole("disk", size: 1 << 20)
    let outcome = try await tool(
      "nbdkit",
      [
        "-U", "-", try Products.logger, "disk", "bmap=none", "logfile=log", "--run",
        "qemu-io -r -f raw -c 'read 4k 4k' -c 'read 1M-512 512' \"$uri\" || qemu-io -r -f raw -c 'read 4k 4k' \"$uri\"",
      ], in: scratch.path)
    #expect(outcome.errors.text == "")
    let log = try LogText(contentsOf: scratch("log"))
    #expect(log.parts.allSatisfy { $0.objects.isEmpty })
    #expect(log.parts.first?.ranges.first == 4096..<8192)
  }

  /// A full disk stops the log, not the guest, and is reported once.
  @Test func fullDisk() async throws {
    let mapped = try await Maps.demo.value
    let outcome = try await run(
      "nbdkit",
      [
        "-U", "-", try Products.logger, mapped.disk, "bmap=\(mapped.file)", "logfile=/dev/full", "--run",
        "for i in 1 2 3; do qemu-io -r -f raw -c 'read 1M 64k' \"$uri\" || exit 9; done",
      ])
    #expect(outcome.end == .exited(0), "the guest has its bytes: \(outcome.errors.text)")
    #expect(outcome.errors.text.contains("cannot write the log"), "\(outcome.errors.text)")
    #expect(outcome.errorLines.filter { $0.contains("No space left on device") }.count == 1, "\(outcome.errors.text)")
  }
}
