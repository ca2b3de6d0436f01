import Benchmarking
import Subprocess

/// What is measured of a server.
enum Measurement: CaseIterable {
  /// MiB a second when the whole disk is copied to nowhere.
  case copy
  /// Reads a second of 4 KiB at random places, by how many are waited for at once.
  case random1, random64

  var title: String {
    switch self {
    case .copy: "whole disk by nbdcopy, MiB a second"
    case .random1: "random reads of 4 KiB by fio, depth 1, a second"
    case .random64: "random reads of 4 KiB by fio, depth 64, a second"
    }
  }

  /// The measure, where there is one: the least share of the file plugin's figure that is asked for.
  var asked: Double { self == .copy ? 1 : 0.97 }

  /// - Parameters:
  ///   - round: its random reads are at the same places for all servers.
  ///   - seconds: how long random reads are made.
  func value(of server: Server, round: Int, seconds: Int) async throws -> Double {
    switch self {
    case .copy:
      let copies = 3
      var time = 0.0
      for _ in 0..<copies { time += try await timed(.name("nbdcopy"), [server.uri, "null:"]).seconds }
      return Double(copies) * Double(Files.size >> 20) / time
    case .random1: return try await randomReads(of: server, depth: 1, round: round, seconds: seconds)
    case .random64: return try await randomReads(of: server, depth: 64, round: round, seconds: seconds)
    }
  }

  private func randomReads(of server: Server, depth: Int, round: Int, seconds: Int) async throws -> Double {
    let output = try await timed(
      .name("fio"),
      [
        "--name=random", "--ioengine=nbd", "--uri=\(server.uri)", "--rw=randread", "--bs=4k", "--iodepth=\(depth)",
        "--size=\(Files.size)", "--randseed=\(round)", "--norandommap", "--time_based", "--runtime=\(seconds)",
        "--output-format=terse", "--terse-version=3",
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
