import Benchmarking

/// What is measured for each server.
enum Measurement: CaseIterable {
  /// MiB per second when the whole disk is copied to null:.
  case copy
  /// Random 4 KiB reads per second, by the number of requests in flight.
  case random1, random64

  var title: String {
    switch self {
    case .copy: "whole disk by nbdcopy, MiB a second"
    case .random1: "random reads of 4 KiB by fio, depth 1, a second"
    case .random64: "random reads of 4 KiB by fio, depth 64, a second"
    }
  }

  /// The least share of the file plugin's result that bmaplogger must reach.
  var least: Double { self == .copy ? 1 : 0.97 }

  /// The result of one measurement.
  /// - Parameters:
  ///   - round: the random seed. All servers get the same offsets in a round.
  ///   - seconds: how long random reads run.
  func value(of server: Server, round: Int, seconds: Int) async throws -> Double {
    switch self {
    case .copy:
      let copies = 3
      var time = 0.0
      for _ in 0..<copies { time += try await timed(.name("nbdcopy"), [server.uri, "null:"]).seconds }
      return Double(copies) * Double(Files.size >> 20) / time
    case .random1:
      return try await randomReads(of: server.uri, in: 0..<Files.size, depth: 1, round: round, seconds: seconds)
    case .random64:
      return try await randomReads(of: server.uri, in: 0..<Files.size, depth: 64, round: round, seconds: seconds)
    }
  }
}
