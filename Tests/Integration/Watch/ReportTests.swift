import FoundationEssentials
import Glibc
import SystemPackage
import Testing

/// `virt-bmap report` of a log that the logger wrote about a disk with hostile names.
@Suite struct ReportTests {
  private func expectNothingWrong(_ outcome: Outcome) {
    #expect(outcome.end == .exited(0) && outcome.errors.isEmpty, "\(outcome.errors.text.prefix(4000))")
    print(outcome.output.text, terminator: "")
  }

  /// The figures in JSON, in CSV, in folded stacks and on the page are those that a script of its own finds.
  @Test func figuresAreThoseOfTheLog() async throws {
    let guest = try await ReportedGuest.shared.value
    let files = ["csv", "folded", "folded-requests"].map { guest.scratch($0) }
    expectNothingWrong(
      try await guest.check("check-report", [guest.log, guest.figures] + files + [guest.page] as [FilePath]))
    // The script notices a difference: here, a request is missing.
    let lines = try [UInt8](contentsOf: guest.log).split(separator: 0x0a, omittingEmptySubsequences: true)
    let fewer = try Scratch()
    try fewer.write(Array(lines.dropFirst().joined(separator: [0x0a])) + [0x0a], to: "log")
    let outcome = try await guest.check(
      "check-report", [fewer("log"), guest.figures] + files + [guest.page] as [FilePath])
    #expect(outcome.end == .exited(1) && !outcome.errors.isEmpty)
  }

  @Test func tracesAreThoseOfPerfetto() async throws {
    let guest = try await ReportedGuest.shared.value
    expectNothingWrong(try await guest.check("check-trace", [guest.log, guest.scratch("trace")]))
  }

  @Test func namesCannotRunInABrowser() async throws {
    let guest = try await ReportedGuest.shared.value
    expectNothingWrong(
      try await Slots.virtualMachines.run { try await guest.check("check-page", [guest.page, guest.figures]) })
    // The check notices a page that does not escape names, and that its policy still stops them.
    let text = try [UInt8](contentsOf: guest.page).text
    let broken = try Scratch()
    try broken.write(text.replacing("\\u003c", with: "<").replacing("\\u003e", with: ">"), to: "report.html")
    let outcome = try await guest.check("check-page", [broken("report.html"), guest.figures])
    #expect(
      outcome.end == .exited(1) && !outcome.errors.isEmpty && !outcome.errors.text.contains("window.hacked after"))
  }

  /// A log as text has the same bytes as one as JSON.
  @Test func textLogs() async throws {
    let log = "read f /dev/sda1 /a\n 0-1000 2000-3000\nwrite m /dev/sda1 inode table\n 8000-9000\nread -\n 3000-3200\n"
    let summary = try await report(["-"], input: log)
    #expect(summary.end == .exited(0) && summary.errors.isEmpty)
    #expect(
      summary.output.text.contains("read         3  8.5 KiB   8.5 KiB       0 B        33 %"), "\(summary.output.text)")
    #expect(summary.output.text.contains("8 KiB     8 KiB         2      0 B       0  /dev/sda1 /a\n"))
    #expect(try await report(["-", "--folded"], input: log).output.text.contains("/dev/sda1;a 8192\n"))
    let kind = try await report(["-", "--folded", "--kind", "m"], input: log)
    #expect(kind.output.text == "/dev/sda1;[metadata];inode table 4096\n")
    let only = try await report(["-", "--folded", "--only", "/*"], input: log)
    #expect(only.output.text == "/dev/sda1;a 8192\n")
    expectOneLine(try await report(["-", "--perfetto", "/dev/null"], input: log), "--perfetto needs times")
  }

  /// Names cannot control a terminal.
  @Test func summaryIsPrintable() async throws {
    let guest = try await ReportedGuest.shared.value
    let summary = try await tool(try Products.mapper.string, ["report", guest.log])
    #expect(
      summary.output.allSatisfy { $0 >= 0x20 || $0 == 0x0a } && summary.output.text.contains("phases of the boot"))
  }

  @Test func badLogs() async throws {
    let scratch = try Scratch()
    try scratch.write("precious", to: "old")
    for (log, words) in [
      ("", "the log is empty"), ("1 0 1000 v /dev/sda\n", "line 1: not a log"), ("{\"op\":\"read\"\n", "line 1"),
      ("read f /dev/sda1 /a\n 0-zz\n", "line 2"),
    ] {
      for arguments in [[], ["-o", scratch("old").string], ["--json", "-o", scratch("old").string]] {
        expectOneLine(try await report(["-"] + arguments, input: log), words)
      }
      expectOneLine(try await report(["-", "--perfetto", scratch("old").string], input: log), words)
    }
    let log = "read f /dev/sda1 /a\n 0-1000\n"
    for (arguments, words) in [
      (["-", "--csv", "--json"], "only one of"), (["-", "--by", "bytes"], "--by goes with"),
      (["-", "--kind", "ff"], "--kind"), (["-", "--disk", "2"], "disk 2"), (["-", "--device", "/dev/sdz"], "/dev/sdz"),
      (["-", "-o", scratch("no/such").string], "no/such"), (["none"], "none: cannot be read"),
      (["-", "-o", "/dev/full"], "/dev/full"), (["-", "--folded", "--by", "names"], "names"),
    ] {
      expectOneLine(try await report(arguments, input: log), words)
    }
    #expect(try [UInt8](contentsOf: scratch("old")).text == "precious")
    #expect(try names(in: scratch.path) == ["old"])
  }

  /// A log that was cut off, or that lacks requests, is reported, and the page says so.
  @Test func logsThatAreNotComplete() async throws {
    let scratch = try Scratch()
    for (log, words) in [
      ("read f /dev/sda1 /a\n 0-1000\n 2000-30", "line 3"),
      ("read f /dev/sda1 /a\n 0-1000\n# 5 requests were not logged: No space left on device\n", "5 requests"),
    ] {
      let outcome = try await report(["-", "-o", scratch("page").string], input: log)
      #expect(outcome.end == .exited(3) && outcome.errorLines.count == 1 && outcome.errors.text.contains(words))
      #expect(try [UInt8](contentsOf: scratch("page")).text.contains("The log is not complete"))
      let json = try await report(["-", "--json"], input: log)
      #expect(json.end == .exited(3) && json.output.text.contains("\"partial\":true"))
    }
  }

  private func report(_ arguments: [String], input: String) async throws -> Outcome {
    try await run(try Products.mapper.string, ["report"] + arguments, input: input)
  }
}
