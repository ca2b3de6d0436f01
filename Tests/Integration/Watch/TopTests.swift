import Glibc
import SystemPackage
import Testing

/// `virt-bmap top` in terminals, under load.
@Suite(.serialized) struct TopTests {
  private let scratch: Scratch

  init() throws { scratch = try Scratch() }

  /// Runs `virt-bmap top` in a terminal, and then says its status.
  private func top(_ log: String, columns: Int = 80, rows: Int = 24) async throws -> Tmux {
    let command = "\(try Products.mapper) top \(log); echo status $?; stty -a | grep -o -e '-*icanon' -e '-*echo '; cat"
    return try await Tmux(command, columns: columns, rows: rows, in: scratch.path)
  }

  private func makeFIFO(_ name: String) throws -> FilePath {
    guard mkfifo(scratch(name).string, 0o600) == 0 else { throw TestFailure("no FIFO") }
    return scratch(name)
  }

  /// Writes the generated log to a FIFO.
  private func generate(to fifo: FilePath, _ pauses: LogGenerator.Pauses) async throws {
    let steps = try await LogGenerator.steps.value
    try await withCheckedThrowingContinuation { continuation in
      BlockingThread { continuation.resume(with: Result { try LogGenerator.write(steps, to: fifo, pauses) }) }.start()
    }
  }

  private func expectClean(_ lines: [String], columns: Int, rows: Int) {
    #expect(lines.count <= rows + 1)
    #expect(lines.first?.hasPrefix("virt-bmap top") == true, "\(lines)")
    #expect(lines.contains { $0.hasPrefix("read ") } && lines.contains { $0.hasPrefix("write ") })
    // What the terminal got as an escape sequence would be gone from the screen.
    #expect(!lines.joined().contains("\u{202e}"))
    for line in lines where line.contains("gpj.exe") { #expect(line.contains("\\256") || columns < 40, "\(line)") }
  }

  @Test(arguments: [(80, 24), (200, 50), (20, 24)])
  func underLoad(columns: Int, rows: Int) async throws {
    let fifo = try makeFIFO("log")
    _ = try await LogGenerator.steps.value
    let terminal = try await top("log", columns: columns, rows: rows)
    let pauses = LogGenerator.Pauses()
    async let written: Void = generate(to: fifo, pauses)
    defer { pauses.release() }
    let lines = try await terminal.wait(for: columns >= 80 ? "/usr/lib/" : "…")
    expectClean(lines, columns: columns, rows: rows)
    if columns >= 80 {
      #expect(lines.count { $0.contains("f /dev/sda1 /") || $0.contains("…") } > 12, "\(lines)")
      print("top: \(lines.first { $0.hasPrefix("read ") } ?? "-")")
    } else {
      #expect(lines.contains { $0.contains("FILE") })
    }
    pauses.goesOn.store(true, ordering: .releasing)
    try await terminal.press("d")
    try await terminal.press("r")
    try await terminal.wait(for: "DIRECTOR")
    // No request is missing.
    pauses.ends.store(true, ordering: .releasing)
    try await written
    let end = try await terminal.wait(for: "status")
    if columns >= 80 { #expect(end.contains { $0.contains("in \(LogGenerator.count * 9 / 10) requests") }, "\(end)") }
    await terminal.end()
  }

  /// A file is followed, the terminal can be resized, and it is as before when the program ends.
  @Test(arguments: ["q", "C-c", "TERM"]) func theTerminalIsRestored(by end: String) async throws {
    let log = try scratch.write((0..<100).map { LogGenerator.line($0, time: Double($0)) }.joined(), to: "log")
    let terminal = try await top("log")
    try await terminal.wait(for: "FILE by rate")
    #expect(try await terminal.value("#{cursor_flag} #{alternate_on}") == "0 1")
    let file = try FileDescriptor.open(log, .writeOnly, options: .append)
    _ = try file.writeAll(
      LogGenerator.line(0, time: 101).replacing("red", with: "new").utf8)
    try file.close()
    try await terminal.wait(for: "[31mnew")
    try await terminal.resize(columns: 40, rows: 10)
    try await wait(for: "the new size", within: .seconds(60)) {
      let lines = try await terminal.screen()
      return lines.count <= 11 && lines.contains { $0.hasPrefix("q quit") }
    }
    try await terminal.press("h")
    try await terminal.wait(for: "directories, with")
    try await terminal.press("h")
    try await terminal.resize(columns: 80, rows: 24)
    if end == "TERM" {
      try await tool("pkill", ["-TERM", "-f", "-x", "\(try Products.mapper) top log"])
    } else {
      try await terminal.press(end)
    }
    let lines = try await terminal.wait(for: "icanon")
    #expect(lines.contains(end == "TERM" ? "status 143" : "status 0"), "\(lines)")
    #expect(!lines.contains { $0.contains("-icanon") || $0.contains("-echo") }, "\(lines)")
    #expect(try await terminal.value("#{cursor_flag} #{alternate_on}") == "1 0")
    await terminal.end()
  }

  private func plain(_ log: FilePath) async throws -> Outcome {
    try await run(try Products.mapper.string, ["top", log], limit: .seconds(100))
  }

  @Test func withoutATerminal() async throws {
    let fifo = try makeFIFO("log")
    _ = try await LogGenerator.steps.value
    async let outcome = plain(fifo)
    let pauses = LogGenerator.Pauses()
    pauses.release()
    try await generate(to: fifo, pauses)
    let lines = try await outcome.outputLines
    #expect(try await outcome.end == .exited(0))
    #expect(lines.count { $0.contains(" req/s") } >= 2, "\(lines)")
    #expect(lines.contains { $0.contains("in \(LogGenerator.count * 9 / 10) requests") }, "\(lines)")
  }

  @Test func badInput() async throws {
    // Standard input is a file here, which is followed, so a pipe has to be made.
    func top(_ text: String) async throws -> Outcome {
      let file = try scratch.write(text, to: "input")
      return try await run("sh", ["-c", "cat \(file) | \(try Products.mapper) top -"], limit: .seconds(100))
    }
    let cut = try await top(LogGenerator.line(0, time: 1) + #"{"time":2,"op":"re"#)
    #expect(cut.end == .exited(3))
    #expect(cut.errors.text.contains("standard input: line 2: the log ends in the middle of this line"))
    expectOneLineAndTotals(try await top("root:x:0:0\n"), "standard input: line 1: ")
    expectOneLineAndTotals(try await top(""), "standard input: the log is empty")
    let lost = try await top(LogGenerator.line(0, time: 1) + "{\"lost\":5,\"reason\":\"No space left on device\"}\n")
    #expect(lost.end == .exited(3) && lost.errors.text.contains("5 requests are missing"))
    expectOneLine(try await plain(scratch("nothing")), "No such file or directory")
  }

  private func expectOneLineAndTotals(_ outcome: Outcome, _ words: String) {
    #expect(outcome.end == .exited(1))
    #expect(outcome.errorLines.count == 1 && outcome.errors.text.contains(words), "\(outcome.errors.text)")
  }
}

/// A thread for what blocks.
private final class BlockingThread: Sendable {
  private let body: @Sendable () -> Void

  init(_ body: @escaping @Sendable () -> Void) { self.body = body }

  func start() {
    var thread = pthread_t()
    pthread_create(
      &thread, nil,
      { argument in
        if let argument { Unmanaged<BlockingThread>.fromOpaque(argument).takeRetainedValue().body() }
        return nil
      }, Unmanaged.passRetained(self).toOpaque())
    pthread_detach(thread)
  }
}
