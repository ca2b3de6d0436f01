import Glibc
import Subprocess

/// Checks that programs are installed, and that fio has its nbd engine, as Debian's fio does.
/// - Parameter programs: with the Debian packages that contain them.
/// - Throws: if something is missing; the message says what to install.
public func checkPrograms(_ programs: [(program: String, package: String)]) async throws {
  var missing: [String] = []
  for (program, package) in programs {
    do { _ = try await timed(.name(program), ["--version"]) } catch { missing.append(package) }
  }
  guard missing.isEmpty else {
    throw BenchmarkFailure("programs are missing: apt-get install \(missing.joined(separator: " "))")
  }
  guard try await timed(.name("fio"), ["--enghelp"]).output.contains("nbd") else {
    throw BenchmarkFailure("this fio was built without its nbd engine")
  }
}

/// Runs `body` while a server (nbdkit or qemu-nbd) runs, as soon as it listens.
public func serving(
  _ executable: String, _ arguments: [String], socket: String, _ body: () async throws -> Void
) async throws {
  // The server writes its PID file when it is ready; the socket appears a moment earlier.
  let ready = socket + ".pid"
  unlink(ready)
  defer { unlink(ready) }
  let option = executable == "qemu-nbd" ? "--pid-file=\(ready)" : "--pidfile=\(ready)"
  _ = try await run(
    .name(executable), arguments: Arguments([option] + arguments), input: .none, output: .discarded,
    error: .currentStandardError
  ) { execution in
    defer { try? execution.send(signal: .terminate) }
    let deadline = ContinuousClock.now + .seconds(30)
    while access(ready, F_OK) != 0 {
      guard ContinuousClock.now < deadline else {
        throw BenchmarkFailure("\(executable) \(arguments) does not serve \(socket)")
      }
      try await Task.sleep(for: .milliseconds(10))
    }
    try await body()
  }
}

/// The number of random 4 KiB reads per second that fio gets from a server in `range`.
/// - Parameters:
///   - depth: how many requests are in flight.
///   - round: the random seed. All servers get the same offsets in a round.
public func randomReads(
  of uri: String, in range: Range<UInt64>, depth: Int, round: Int, seconds: Int
) async throws -> Double {
  let output = try await timed(
    .name("fio"),
    [
      "--name=random", "--ioengine=nbd", "--uri=\(uri)", "--rw=randread", "--bs=4k", "--iodepth=\(depth)",
      "--offset=\(range.lowerBound)", "--size=\(range.count)", "--randseed=\(round)", "--norandommap",
      "--time_based", "--runtime=\(seconds)", "--output-format=terse", "--terse-version=3",
    ]
  ).output
  // The line of results starts with the version of the terse format; the eighth field is the reads per second.
  for line in output.split(separator: "\n") {
    let fields = line.split(separator: ";", omittingEmptySubsequences: false)
    if fields.count > 7, fields[0] == "3", let rate = Double(fields[7]), rate > 0 { return rate }
  }
  throw BenchmarkFailure("fio does not say how many reads it made of \(uri): \(output.suffix(500))")
}
