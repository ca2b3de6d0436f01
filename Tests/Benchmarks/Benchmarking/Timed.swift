public import Subprocess

/// Runs a program until it exits. Returns its output (both streams) and the time that it took, in seconds.
/// - Throws: if it cannot be run or fails.
public func timed(_ program: Executable, _ arguments: [String]) async throws -> (output: String, seconds: Double) {
  let start = ContinuousClock.now
  let result = try await run(
    program, arguments: Arguments(arguments), output: .string(limit: 64 << 20), error: .combinedWithOutput)
  let seconds = (ContinuousClock.now - start) / .seconds(1)
  guard result.terminationStatus.isSuccess else {
    throw BenchmarkFailure("\(program) \(arguments): \(result.standardOutput.suffix(500))")
  }
  return (result.standardOutput, seconds)
}
