import Glibc
import SystemPackage
import Testing

/// Only one logger at a time writes a log.
@Suite struct LogLockTests {
  private let scratch: Scratch

  init() throws {
    scratch = try Scratch()
    try scratch.makeHole("disk", size: 1 << 20)
  }

  private func command(_ front: [String], log: String, _ script: String) -> String {
    (["nbdkit", "-U", "-"] + front + ["bmap=none", "logfile=\(log)", "--run", script]).map {
      "'\($0.replacing("'", with: "'\\''"))'"
    }.joined(separator: " ")
  }

  private var fronts: [[String]] {
    get throws {
      [["\(try Products.logger)", "disk"], ["--filter=\(try Products.loggerFilter)", "file", "disk"]]
    }
  }

  private let read = "qemu-io -r -f raw -c 'read 0 4k' \"$uri\""

  @Test func theSecondIsRefused() async throws {
    for first in try fronts {
      for second in try fronts {
        let inner = command(second, log: "log", "echo served")
        let outcome = try await run(
          "sh", ["-c", command(first, log: "log", "\(read); \(inner); \(read)")], in: scratch.path)
        #expect(outcome.end == .exited(0), "\(outcome.errors.text)")
        #expect(!outcome.output.text.contains("served"))
        #expect(
          outcome.errors.text.contains("log: another logger writes this log: give each one a file of its own"),
          "\(outcome.errors.text)")
        #expect(outcome.errorLines.count == 1, "\(outcome.errors.text)")
        // Everything that the first one has written is there.
        let log = try LogText(contentsOf: scratch("log"))
        #expect(log.parts.count == 1 && log.parts.first?.ranges.count == 2, "\(log.parts)")
      }
    }
    // Another name of the file is the same file.
    let inner = command(try fronts[0], log: "link", "echo served")
    let outcome = try await run(
      "sh", ["-c", command(try fronts[0], log: "log", "ln -f log link; \(inner)")], in: scratch.path)
    #expect(!outcome.output.text.contains("served"))
  }

  /// After a log is renamed, another logger can start with its old name; the first one goes on in the renamed file.
  /// Anything but a regular file can be written by many.
  @Test func whatIsNoneOfItsBusiness() async throws {
    let front = try fronts[0]
    let renamed = command(front, log: "log", read)
    let outcome = try await run(
      "sh",
      [
        "-c",
        command(front, log: "log", "\(read); sleep 2; mv log log.1; \(read); sleep 2; mv log log.2; \(renamed)"),
      ], in: scratch.path)
    #expect(outcome.end == .exited(0) && outcome.errors.text == "", "\(outcome.errors.text)")
    for name in ["log", "log.1", "log.2"] {
      #expect(try LogText(contentsOf: scratch(name)).parts.count == 1, "\(name)")
    }
    for log in ["-", "/dev/null"] {
      let both = command(front, log: log, "\(read); \(command(front, log: log, read))")
      let outcome = try await run("sh", ["-c", both], in: scratch.path)
      #expect(outcome.end == .exited(0) && outcome.errors.text == "", "\(log): \(outcome.errors.text)")
    }
    // A new run overwrites the log of one that has ended.
    _ = try await run("sh", ["-c", command(front, log: "log", read)], in: scratch.path)
    #expect(try LogText(contentsOf: scratch("log")).parts.count == 1)
  }
}
