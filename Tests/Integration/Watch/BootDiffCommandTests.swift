import FoundationEssentials
import SystemPackage
import Testing

/// `virt-bmap boot-diff` on small logs, as a user calls it.
@Suite struct BootDiffCommandTests {
  private static let before = "read f /dev/sda1 /a\n 0-1000\nread d /dev/sda1 /lib\n 1000-2000\n"
  private static let after =
    "read f /dev/sda1 /a\n 5000-6000\nread f /dev/sda1 /lib/\\033[31m\n 8000-c000\nread p /dev/sda2\n 10000-10200\n"

  private func bootDiff(
    _ arguments: [any Word], before: String = Self.before, after: String = Self.after
  ) async throws -> Outcome {
    let scratch = try Scratch()
    try scratch.write(before, to: "a")
    try scratch.write(after, to: "b")
    return try await run(try Products.mapper.string, ["boot-diff", "a", "b"] + arguments, in: scratch.path)
  }

  @Test func text() async throws {
    let outcome = try await bootDiff([])
    #expect(outcome.end == .exited(0) && outcome.errors.text == "")
    #expect(
      outcome.output.text == """
        before: 8 KiB (8192 bytes) in 2 requests
        after: 20.5 KiB (20992 bytes) in 3 requests
        difference: +12800 bytes
        read by one of them only: 20.5 KiB (20992 bytes), 256.3 %
        newly read: 16.5 KiB (16896 bytes) in 2 objects
        no longer read: 4 KiB (4096 bytes) in 1 object
        objects:
            +16384  new   f /dev/sda1 /lib/\\033[31m
             -4096  gone  d /dev/sda1 /lib
              +512  new   p /dev/sda2
        directories:
            +12288  /dev/sda1 /
            +12288  /dev/sda1 /lib

        """)
  }

  @Test func json() async throws {
    let outcome = try await bootDiff(["--json", "--kind", "f", "--budget", "+16k"])
    #expect(outcome.end == .exited(0))
    #expect(
      outcome.outputLines == [
        #"{"after":{"bytes":20480,"requests":2},"before":{"bytes":4096,"requests":1},"budget":20480,"#
          + #""directories":[{"after":20480,"before":4096,"device":"/dev/sda1","path":"/"},"#
          + #"{"after":16384,"before":0,"device":"/dev/sda1","path":"/lib"}],"#
          + #""objects":[{"after":16384,"before":0,"change":"new","device":"/dev/sda1","kind":"f","#
          + #""path":"/lib/\\033[31m"}],"over_budget":false,"share":4}"#
      ])
  }

  @Test(arguments: [("20992", 0), ("20991", 1), ("+12800", 0), ("+12799", 1), ("0", 1)] as [(String, Int32)])
  func budget(_ budget: String, _ status: Int32) async throws {
    let outcome = try await bootDiff(["--budget", budget])
    #expect(outcome.end == .exited(status) && outcome.errors.text == "")
    #expect(outcome.output.text.contains("over budget: ") == (status == 1))
  }

  @Test func noDifference() async throws {
    let outcome = try await bootDiff([], after: Self.before)
    #expect(outcome.end == .exited(0) && outcome.outputLines.last == "read by one of them only: 0 bytes, 0.0 %")
  }

  @Test(
    arguments: [
      ([], "", "virt-bmap: b: the log is empty"), ([], "hello\n", "virt-bmap: b: line 1: not a log"),
      ([], "read f /dev/sda1 /a\n 5-4\n", "virt-bmap: b: line 2: a range ends before it begins"),
      (["--budget", "x"], after, "--budget"), (["--budget", "+18446744073709551615"], after, "--budget: too large"),
      (["--kind", "x"], after, "--kind x"), (["--top", "-1"], after, "--top"),
      (["--device", "/dev/sdz"], after, "virt-bmap: b: there is no device /dev/sdz in this log"),
    ] as [([String], String, String)])
  func errors(_ arguments: [String], _ after: String, _ message: String) async throws {
    let outcome = try await bootDiff(arguments, after: after)
    #expect(outcome.end == .exited(2) && outcome.output.isEmpty)
    #expect(outcome.errorLines.count == 1 && outcome.errors.text.contains(message), "\(outcome.errors.text)")
  }

  @Test func aLogThatIsNotComplete() async throws {
    for log in [
      Self.after + "read f /dev/sda1", "# 7 requests were not logged: No space left on device\n" + Self.after,
    ] {
      let outcome = try await bootDiff([], after: log)
      #expect(outcome.end == .exited(3) && !outcome.output.isEmpty)
      #expect(outcome.errorLines.count == 1 && outcome.errors.text.hasPrefix("virt-bmap: warning: b: "))
    }
  }
}
