import Glibc
import SystemPackage
import Testing

/// When the appliance cannot start: one line that says why, and nothing left behind.
@Suite struct LaunchFailureTests {
  /// Limits as in ulimit of bash(1); memory and files are in KiB.
  @Test(arguments: [
    // qemu runs out of memory for the guest, or nbdkit for its threads.
    (
      "-v 900000", ["allocate memory", "the recorder failed: pthread_create: "],
      "memory is limited to 900000 KiB (ulimit -v)"
    ),
    ("-f 100", ["File too large"], "files are limited to 100 KiB (ulimit -f)"),
    ("-n 20", ["only 20 files may be open at a time (ulimit -n)"], "64 are needed"),
    ("-u 1", ["no more threads can be started: Resource temporarily unavailable"], "ulimit -u"),
  ])
  func limits(limit: String, reasons: [String], hint: String) async throws {
    let run = try MapperRun()
    try run.scratch.makeHole("disk", size: 1 << 20)
    var words: [any Word] = []
    if limit.hasPrefix("-u"), getuid() == 0 {
      // The limit does not apply to root.
      try await tool("chmod", ["0777", run.scratch.path, run.scratch("t")])
      words = ["setpriv", "--reuid=65534", "--inh-caps=+dac_override", "--ambient-caps=+dac_override"]
    }
    words += ["bash", "-c", "ulimit \(limit); exec \"$@\"", "bash", try Products.mapper, "-o", "map", "disk"]
    let outcome = try await run.execute(words, limit: .seconds(120))
    expectOneLine(outcome, hint)
    let said = outcome.errors.text
    #expect(reasons.contains { said.contains($0) }, "\(said)")
    #expect(!exists(run.scratch("map")))
    try await run.expectNothingLeft()
  }

  @Test func directories() async throws {
    let run = try MapperRun()
    try run.scratch.makeHole("disk", size: 1 << 20)
    for (name, words) in [
      ("LIBGUESTFS_CACHEDIR", "set_cachedir: /none: "), ("TMPDIR", "/none: no temporary directory"),
    ] {
      let outcome = try await run(["-o", "map", "disk"], environment: [name: "/none"], limit: .seconds(120))
      expectOneLine(outcome, words, "No such file or directory")
    }
    try await run.expectNothingLeft()
  }
}
