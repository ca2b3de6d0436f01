import Benchmarking

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

  /// The least share of the file plugin's figure that bmaplogger is to have.
  var least: Double { self == .copy ? 1 : 0.97 }

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
    case .random1:
      return try await randomReads(of: server.uri, in: 0..<Files.size, depth: 1, round: round, seconds: seconds)
    case .random64:
      return try await randomReads(of: server.uri, in: 0..<Files.size, depth: 64, round: round, seconds: seconds)
    }
  }
}
