import AccessFigures

/// The latencies of the last few seconds.
struct RecentLatency {
  /// States of the histograms, one a second, the oldest first.
  private var states: [(time: UInt64, reads: LatencyHistogram, writes: LatencyHistogram)] = []

  private static let interval: UInt64 = 1_000_000_000
  private static let count = 6

  /// Notes the state, if a second has passed since the last time.
  /// - Parameter time: in nanoseconds of the log's clock.
  mutating func note(_ figures: AccessFigures, at time: UInt64) {
    if let last = states.last, time < last.time { states.removeAll() }
    guard states.last.map({ time - $0.time >= Self.interval }) ?? true else { return }
    states.append((time, figures.readLatency, figures.writeLatency))
    if states.count > Self.count { states.removeFirst() }
  }

  /// The latencies since the oldest state, or none if all states are too old.
  /// - Parameter time: now, on the log's clock.
  func since(
    _ figures: AccessFigures, at time: UInt64
  ) -> (reads: LatencyHistogram, writes: LatencyHistogram) {
    let isOld = states.last.map { time > $0.time && time - $0.time > UInt64(Self.count) * Self.interval } ?? true
    guard let first = states.first, !isOld else { return (LatencyHistogram(), LatencyHistogram()) }
    return (figures.readLatency.since(first.reads), figures.writeLatency.since(first.writes))
  }
}
