import Glibc
import Subprocess
import SystemPackage

/// A failure of the test itself, not of the program under test.
struct TestFailure: Error, CustomStringConvertible {
  let description: String
  init(_ description: String) { self.description = description }
}

/// The outcome of a program.
struct Outcome: Sendable {
  enum End: Equatable, Sendable {
    case exited(Int32)
    case signalled(Int32)
    /// It was still running at its time limit, and was killed.
    case timedOut
  }

  var end: End
  var output: [UInt8]
  var errors: [UInt8]
  var duration: Duration

  var outputLines: [String] { Self.lines(output) }
  var errorLines: [String] { Self.lines(errors) }

  private static func lines(_ bytes: [UInt8]) -> [String] {
    // Split bytes, not a String: in a String, the CR LF of an appliance's console is one character and not a newline.
    bytes.split(separator: 0x0a).map { Array($0).text }
  }
}

/// A running program.
struct Running: Sendable {
  let id: pid_t
  /// The files that its standard output and standard error go to.
  let output: FilePath
  let errors: FilePath

  /// Sends a signal to the program alone.
  func send(_ signal: Int32) { kill(id, signal) }

  /// Sends a signal to the program and everything it has started, as a terminal does.
  func sendToGroup(_ signal: Int32) { kill(-id, signal) }

  /// Waits until the program's output contains this text.
  func waitForOutput(_ text: String, within limit: Duration = .seconds(400)) async throws {
    let what = "\"\(text)\" in the output of process \(id)"
    do {
      try await wait(for: what, within: limit) {
        let isOver = hasEnded(id)
        if try [UInt8](contentsOf: output).text.contains(text) { return true }
        if isOver { throw TestFailure("\(what) did not come before its end") }
        return false
      }
    } catch let failure as TestFailure {
      let processes = try await run("ps", ["-eo", "pid,ppid,stat,time,wchan:20,args"]).output.text
      throw TestFailure(
        "\(failure): \(try [UInt8](contentsOf: output).text)\(try [UInt8](contentsOf: errors).text)\(processes)")
    }
  }
}

/// Waits until a condition is true, at most for `limit`.
func wait(for what: String, within limit: Duration, until isTrue: () async throws -> Bool) async throws {
  let deadline = ContinuousClock.now + limit
  while try await !isTrue() {
    guard ContinuousClock.now < deadline else { throw TestFailure("waited in vain for \(what)") }
    try await Task.sleep(for: .milliseconds(20))
  }
}

/// An argument or a file name, which may contain any bytes.
protocol Word: Sendable {
  var bytes: [UInt8] { get }
}
extension String: Word { var bytes: [UInt8] { Array(utf8) } }
extension FilePath: Word {
  var bytes: [UInt8] { withPlatformString { Array(UnsafeRawBufferPointer(start: $0, count: strlen($0))) } }
}
extension [UInt8]: Word { var bytes: [UInt8] { self } }

/// Runs a program in its own process group, until it exits or `limit` is over. A name without a slash is looked up in
/// PATH. Output goes to files, so a process that the program leaves running cannot block the test.
///
/// `during` starts as soon as the program does.
func run(
  _ program: String, _ arguments: [any Word] = [], environment: [String: String?] = [:], in directory: FilePath? = nil,
  input: String = "", limit: Duration = .seconds(60),
  during: @escaping @Sendable (Running) async throws -> Void = { _ in }
) async throws -> Outcome {
  let scratch = try Scratch()
  func file(_ name: String) throws -> FileDescriptor {
    try FileDescriptor.open(
      scratch(name), .writeOnly, options: [.create, .append, .closeOnExec], permissions: [.ownerReadWrite])
  }
  try scratch.write(input, to: "input")
  var options = PlatformOptions()
  options.processGroupID = 0
  var changes: [Environment.Key: String?] = [:]
  for (name, value) in environment { changes[Environment.Key(stringLiteral: name)] = .some(value) }
  let start = ContinuousClock.now
  let result = try await Subprocess.run(
    program.contains("/") ? .path(FilePath(program)) : .name(program),
    // The library passes the bytes on unchanged, so add the terminating NUL.
    arguments: Arguments(arguments.map { $0.bytes + [0] }), environment: .inherit.updating(changes),
    workingDirectory: directory, platformOptions: options,
    input: .fileDescriptor(try FileDescriptor.open(scratch("input"), .readOnly), closeAfterSpawningProcess: true),
    output: .fileDescriptor(try file("output"), closeAfterSpawningProcess: true),
    error: .fileDescriptor(try file("errors"), closeAfterSpawningProcess: true)
  ) { execution -> (any Error)? in
    let id = execution.processIdentifier.value
    let running = Running(id: id, output: scratch("output"), errors: scratch("errors"))
    return await withTaskGroup(of: (any Error)?.self) { group in
      group.addTask {
        do {
          try await during(running)
          return nil
        } catch {
          running.sendToGroup(SIGKILL)
          return error
        }
      }
      group.addTask {
        // Ends when the program does, or kills it at the time limit.
        while true {
          // Look at the time first: on a busy machine, much of it may pass between these lines.
          let isLate = start.duration(to: .now) >= limit
          if hasEnded(id) { return nil }
          if isLate { break }
          try? await Task.sleep(for: .milliseconds(20))
        }
        running.sendToGroup(SIGKILL)
        return TimedOut()
      }
      var failure: (any Error)?
      for await error in group { failure = failure ?? error }
      return failure
    }
  }
  let duration = start.duration(to: .now)
  let isTimedOut = result.closureResult is TimedOut
  if let error = result.closureResult, !isTimedOut { throw error }
  let end: Outcome.End =
    switch result.terminationStatus {
    case _ where isTimedOut: .timedOut
    case .exited(let code): .exited(code)
    case .signaled(let signal): .signalled(signal)
    }
  return Outcome(
    end: end, output: try [UInt8](contentsOf: scratch("output")), errors: try [UInt8](contentsOf: scratch("errors")),
    duration: duration)
}

private struct TimedOut: Error {}

/// Whether a child process is a zombie or gone. It is not reaped: the library does that.
private func hasEnded(_ id: pid_t) -> Bool {
  var information = siginfo_t()
  return waitid(P_PID, id_t(id), &information, WEXITED | WNOHANG | WNOWAIT) != 0 || information.si_signo != 0
}

/// Runs a program that must succeed.
@discardableResult
func tool(
  _ program: String, _ arguments: [any Word] = [], environment: [String: String?] = [:], in directory: FilePath? = nil,
  input: String = "", limit: Duration = .seconds(120)
) async throws -> Outcome {
  let outcome = try await run(
    program, arguments, environment: environment, in: directory, input: input, limit: limit)
  guard outcome.end == .exited(0) else {
    throw TestFailure("\(program) \(arguments): \(outcome.end): \(outcome.errors.text)")
  }
  return outcome
}
