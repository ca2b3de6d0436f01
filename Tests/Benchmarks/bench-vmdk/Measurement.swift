import Benchmarking

/// What is measured for each server.
enum Measurement: CaseIterable {
  /// Seconds to copy the whole image to null:.
  case copy
  /// Random 4 KiB reads per second, by the number of requests in flight, over the whole disk or over the part with
  /// data.
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

  /// The result of one measurement.
  /// - Parameters:
  ///   - round: the random seed. All servers get the same offsets in a round.
  ///   - seconds: how long random reads run.
  func value(of server: Server, round: Int, seconds: Int) async throws -> Double {
    switch self {
    case .copy: try await timed(.name("nbdcopy"), [server.uri, "null:"]).seconds
    case .random1: try await randomReads(of: server.uri, in: 0..<Image.size, depth: 1, round: round, seconds: seconds)
    case .random16: try await randomReads(of: server.uri, in: 0..<Image.size, depth: 16, round: round, seconds: seconds)
    case .stored1: try await randomReads(of: server.uri, in: Image.stored, depth: 1, round: round, seconds: seconds)
    case .stored16: try await randomReads(of: server.uri, in: Image.stored, depth: 16, round: round, seconds: seconds)
    }
  }
}
