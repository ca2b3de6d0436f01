import FoundationEssentials
import Glibc
import SystemPackage
import Testing

/// `virt-bmap annotate` as a user calls it, with small traces.
@Suite struct AnnotateCommandTests {
  private static let map = """
    # virt-bmap 2
    # disk 1 size=100000 format=raw file=d
    # disk 2 size=80000 format=raw file=e
    1 0 100000 v /dev/sda
    1 1000 3000 f@1000 /dev/sda1 /one\\012line
    1 4000 5000 d /dev/sda1 /dir
    2 0 80000 v /dev/sdb
    2 1000 2000 f /dev/sdb1 /\u{9b}31m

    """

  private static func event(_ offset: Int, _ length: Int, _ kind: String = "preadv", blk: String = "0xa") -> String {
    "blk_co_\(kind) blk \(blk) bs 0x1 offset \(offset) bytes \(length) flags 0x0\n"
  }

  private let scratch: Scratch

  init() throws {
    scratch = try Scratch()
    try scratch.write(Self.map, to: "map")
  }

  private func annotate(_ trace: String, _ options: [any Word] = []) async throws -> Outcome {
    try scratch.write(trace, to: "trace")
    return try await run(
      try Products.mapper.string, ["annotate", "map", "trace"] + options, in: scratch.path)
  }

  @Test func bothForms() async throws {
    let trace = Self.event(0x1000, 0x2000) + Self.event(0x2000, 0x1000, "pwritev") + Self.event(0x1000, 0x2000)
    let text = try await annotate("qemu-system-x86_64: a message\n" + trace, ["--offsets", "-v"])
    #expect(text.end == .exited(0))
    #expect(
      text.output.text == """
        read f /dev/sda1 /one\\012line
         1000-3000 +1000
        write f /dev/sda1 /one\\012line
         2000-3000 +2000
        read f /dev/sda1 /one\\012line
         1000-2000 +1000 2000-3000 +2000 stale

        """)
    #expect(
      text.errorLines == [
        "virt-bmap: trace: 3 requests in the format qemu, counted at the block backends; 1 other line"
      ])
    // A hyphen is standard output.
    let hyphen = try await annotate(trace, ["--offsets", "-o", "-"])
    #expect(hyphen.end == .exited(0) && hyphen.output == text.output)
    // What the trace does not know is missing from the JSON.
    let json = try await annotate(Self.event(0x4000, 512), ["--log-format", "json", "--kind", "d"])
    #expect(json.errors.text == "")
    #expect(
      json.output.text == """
        {"op":"read","disk":1,"connection":1,"offset":16384,"length":512,"pieces":[{"offset":16384,"length":512,\
        "objects":[{"kind":"d","device":"/dev/sda1","path":"/dir","offset":0},\
        {"kind":"v","device":"/dev/sda","offset":16384}]}]}

        """)
    // The log goes through again without a change.
    let again = try await annotate(json.output.text, ["--log-format", "json"])
    #expect(again.output == json.output)
  }

  @Test func selection() async throws {
    let trace = Self.event(0x1000, 0x200) + Self.event(0x4000, 0x200) + Self.event(0x8000, 0x200)
    #expect(try await annotate(trace, ["--kind", "d"]).outputLines == ["read d /dev/sda1 /dir", " 4000-4200"])
    #expect(try await annotate(trace, ["--only", "/one*"]).outputLines.count == 2)
    #expect(try await annotate(trace, ["--device", "/dev/sda"]).outputLines == ["read v /dev/sda", " 8000-8200"])
  }

  /// A trace of several devices: which disk each is must be said.
  @Test func severalDevices() async throws {
    let trace =
      Self.event(0x1000, 0x200) + Self.event(0x1000, 0x200, blk: "0xb") + Self.event(0x1200, 0x200, blk: "0xb")
      + Self.event(0x1000, 0x200, blk: "0xc")
    let unclear = try await annotate(trace, ["-o", "log"])
    #expect(unclear.end == .exited(1) && unclear.output.isEmpty && !exists(scratch("log")))
    #expect(
      unclear.errors.text
        == "virt-bmap: trace: requests of several devices: 0xb (2), 0xa (1), 0xc (1); say which disk each is with "
        + "--source NAME=DISK\n")
    let chosen = try await annotate(trace, ["--blk", "0xb=2", "--source", "0xa=1", "-o", "log"])
    #expect(chosen.end == .exited(0) && chosen.errors.text == "" && chosen.output.isEmpty)
    // The C1 character in a name does not reach a terminal.
    let log = try [UInt8](contentsOf: scratch("log")).text
    #expect(log.hasPrefix("read f /dev/sda1 /one\\012line\n 1000-1200\n"))
    #expect(log.hasSuffix(" 2:1000-1200 2:1200-1400\n"))
    let shown = try await annotate(trace, ["--source", "0xb=2"])
    #expect(shown.output.text == "read f /dev/sdb1 /\\302\\23331m\n 2:1000-1200 2:1200-1400\n")
    // A disk without requests is no error, unless there is no other.
    let idle = try await annotate(trace, ["--source", "0xb=2", "--source", "0xd=1"])
    #expect(idle.end == .exited(0) && idle.errors.text.contains("no request of 0xd in this trace, but of 0xb (2)"))
    let none = try await annotate(trace, ["--source", "0xd=1"])
    #expect(none.end == .exited(1) && none.output.isEmpty, "\(none.output.text)")
    for wrong in ["0xb", "0xb=0", "0xb=3", "0xb=x"] {
      #expect(try await annotate(trace, ["--source", wrong]).end == .exited(1))
    }
    #expect(try await annotate(trace, ["--source", "0xb=1", "--disk", "1"]).end != .exited(0))
  }

  @Test func oneOfTheDisks() async throws {
    let outcome = try await annotate(Self.event(0x1000, 0x200), ["--disk", "2"])
    #expect(outcome.outputLines.last == " 2:1000-1200")
    #expect(try await annotate(Self.event(0x1000, 0x200), ["--disk", "3"]).end == .exited(1))
    // A log names disks itself.
    let log = """
      {"op":"read","disk":2,"offset":0,"length":512}
      {"op":"read","disk":1,"offset":0,"length":512}

      """
    #expect(try await annotate(log).outputLines == ["read v /dev/sdb", " 2:0-200", "read v /dev/sda", " 0-200"])
    #expect(try await annotate(log, ["--disk", "1"]).outputLines == ["read v /dev/sda", " 0-200"])
    let other = try await annotate(#"{"op":"read","disk":3,"offset":0,"length":512}"# + "\n")
    #expect(other.errors.text.contains("requests of disk 3, but the map has 2 disks"), "\(other.errors.text)")
  }

  @Test func tracesOfOtherDisks() async throws {
    let far = try await annotate(Self.event(0x1000, 0x200) + Self.event(0xfff00, 0x300))
    #expect(far.end == .exited(1))
    #expect(
      far.errors.text == """
        virt-bmap: trace: line 2: a read of bytes 1048320-1049088, but disk 1 of the map has 1048576 bytes: is this a \
        trace of another disk, or of a partition?

        """)
    // Requests that failed may have gone anywhere.
    let failed =
      "virtio_blk_handle_write vdev 0x1 req 0x1 sector 2048 nsectors 1\n"
      + "virtio_blk_rw_complete vdev 0x1 req 0x1 ret"
    #expect(try await annotate(failed + " 0\n").end == .exited(1))
    let beyond = try await annotate(failed + " -5\n")
    #expect(beyond.end == .exited(0) && beyond.output.isEmpty)
    // Long requests would take long. A map in the 2014 format has sizes, too.
    let endless = try await annotate("blk_co_pdiscard blk 0xa bs 0x1 offset 0 bytes 18446744073709551104\n")
    #expect(endless.errors.text.hasSuffix(": a request can have at most 4 GiB\n"))
    try scratch.write("1 0 100000 v /dev/sda\n1 1000 3000 f /dev/sda1 /one\n", to: "map")
    #expect(try await annotate(Self.event(0x1000, 0x200)).outputLines == ["read f /dev/sda1 /one", " 1000-1200"])
    #expect(try await annotate(Self.event(0x1000, 0x200), ["--offsets"]).end == .exited(1))
    #expect(try await annotate(Self.event(0xfff00, 0x300)).errors.text.contains("disk 1 of the map has 1048576 bytes"))
  }

  @Test func exports() async throws {
    let connected = #"2026-11-30 18:45:47.000001 connection=1 Connect export="" tls=0 size=0x4000000"# + "\n"
    let read = "2026-11-30 18:45:47.000003 connection=1 Read id=1 offset=0x0 count=0x200 ...\n"
    let sized = try await annotate(connected + read)
    #expect(
      sized.errors.text == """
        virt-bmap: trace: the export "" has 67108864 bytes, but disk 1 of the map has 1048576: is this a trace of \
        another disk?

        """)
    // Another export may be the right one.
    let other = #"2026-11-30 18:45:47.000004 connection=2 Connect export="b" tls=0 size=0x100000"# + "\n"
    let two = connected + read + other + read.replacing("=1 ", with: "=2 ")
    #expect(try await annotate(two).errors.text.contains("requests of several devices: \"\" (1), b (1); say"))
    #expect(try await annotate(two, ["--source", "b=1"]).outputLines == ["read v /dev/sda", " 0-200"])
    #expect(try await annotate(two, ["--source", "=1"]).end == .exited(1))
  }

  /// What is missing from the log is a warning.
  @Test func damagedTraces() async throws {
    let cut = try await annotate(Self.event(0x4000, 0x200) + String(Self.event(0x1000, 0x200).dropLast(15)))
    #expect(cut.end == .exited(3) && cut.outputLines == ["read d /dev/sda1 /dir", " 4000-4200"])
    #expect(
      cut.errors.text == "virt-bmap: trace: line 2: the trace ends in the middle of this line, which was left out\n")
    let damaged = "blk_co_preadv blk 0xa bs 0xb offset x\n"
    let wrong = try await annotate(Self.event(0x4000, 0x200) + damaged, ["-o", "log"])
    #expect(wrong.end == .exited(1) && !exists(scratch("log")))
    #expect(
      wrong.errors.text == "virt-bmap: trace: line 2: no blk, offset and bytes that fit in 64 bits\n")
    let lost = try await annotate(
      "CPU:0 [LOST 17 EVENTS]\n dd-1 [001] d... 41066.354760: block_rq_complete: 8,16 R () 8 + 8 [0]\n")
    #expect(lost.end == .exited(3) && lost.errors.text.contains("17 events were lost"), "\(lost.errors.text)")
    let back = try await annotate([5, 4, 3].map { "1@\($0).0:" + Self.event(0x4000, 0x200) }.joined())
    #expect(
      back.errors.text == "virt-bmap: trace: line 2: the clock goes back: times and latencies may be wrong\n")
    #expect(back.end == .exited(0) && back.outputLines.count == 2)
    for (trace, options, reason) in [
      ("", [], "is empty: "), ("hello\n", [], "not a trace in a known format"),
      ("hello\n", ["--trace-format", "qemu"], "there is no request in this trace"),
    ] {
      let outcome = try await annotate(trace, options)
      #expect(outcome.end == .exited(1) && outcome.errors.text.contains(reason), "\(outcome.errors.text)")
      #expect(outcome.errorLines.count == 1)
    }
    let unknown = try await annotate(Self.event(0, 1), ["--trace-format", "x"])
    #expect(unknown.errors.text.contains("give one of biosnoop,"))
  }

  /// From standard input, the log is written while the trace still goes on.
  @Test func aTraceThatGoesOn() async throws {
    let script = """
      mkfifo trace
      '\(try Products.mapper)' annotate map <trace >log &
      exec 3>trace
      printf '\(Self.event(0x4000, 0x200).dropLast())\\n' >&3
      for try in $(seq 100); do grep -q ' 4000-4200$' log && break; sleep 0.1; done
      cat log
      exec 3>&-
      wait $!
      echo $?
      """
    let outcome = try await run("bash", ["-c", script], in: scratch.path)
    #expect(outcome.outputLines == ["read d /dev/sda1 /dir", " 4000-4200", "0"], "\(outcome.errors.text)")
  }

  @Test func aReaderThatLeaves() async throws {
    try scratch.write(
      (0..<20_000).map { Self.event($0 % 7 * 0x1000, 0x1000) }.joined(), to: "trace")
    let outcome = try await run(
      "bash", ["-c", "'\(try Products.mapper)' annotate map trace | head -1; echo ${PIPESTATUS[0]}"], in: scratch.path)
    #expect(outcome.outputLines == ["read v /dev/sda", "141"] && outcome.errors.text == "", "\(outcome.errors.text)")
  }
}
