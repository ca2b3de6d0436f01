import Benchmarking
import Subprocess

/// What is measured of a server.
enum Measurement: CaseIterable {
  /// Seconds to copy the whole image to nowhere.
  case copy
  /// Reads a second of 4 KiB at random places, by how many are waited for at once, of the whole disk or of what it
  /// stores.
  case random1, random16, stored1, stored16

  var isSeconds: Bool { self == .copy }

  var title: String {
    switch self {
    case .copy: "whole image to null:, seconds"
    case .random1: "random 4 KiB reads a second, whole disk, depth 1"
    case .random16: "random 4 KiB reads a second, whole disk, depth 16"
    case .stored1: "random 4 KiB reads a second, stored part, depth 1"
    case .stored16: "random 4 KiB reads a second, stored part, depth 16"
    }
  }

  /// - Parameters:
  ///   - round: its random reads are at the same places for all servers.
  ///   - seconds: how long random reads are made.
  func value(of server: Server, round: Int, seconds: Int) async throws -> Double {
    switch self {
    case .copy: try await timed(.name("nbdcopy"), [server.uri, "null:"]).seconds
    case .random1: try await randomReads(of: server, in: 0..<Image.size, depth: 1, round: round, seconds: seconds)
    case .random16: try await randomReads(of: server, in: 0..<Image.size, depth: 16, round: round, seconds: seconds)
    case .stored1: try await randomReads(of: server, in: Image.stored, depth: 1, round: round, seconds: seconds)
    case .stored16: try await randomReads(of: server, in: Image.stored, depth: 16, round: round, seconds: seconds)
    }
  }

  private func randomReads(
    of server: Server, in range: Range<UInt64>, depth: Int, round: Int, seconds: Int
  ) async throws -> Double {
    let output = try await timed(
      .name("fio"),
      [
        "--name=random", "--ioengine=nbd", "--uri=\(server.uri)", "--rw=randread", "--bs=4k", "--iodepth=\(depth)",
        "--offset=\(range.lowerBound)", "--size=\(range.count)", "--randseed=\(round)", "--norandommap",
        "--time_based", "--runtime=\(seconds)", "--output-format=terse", "--terse-version=3",
      ]
    ).output
    // The line of figures begins with the form's version; the eighth is the reads a second.
    for line in output.split(separator: "\n") {
      let fields = line.split(separator: ";", omittingEmptySubsequences: false)
      if fields.count > 7, fields[0] == "3", let rate = Double(fields[7]), rate > 0 { return rate }
    }
    throw BenchmarkFailure("fio does not say how many reads it made of \(server.uri): \(output.suffix(500))")
  }
}
