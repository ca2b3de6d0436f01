import AccessFigures
import LiveView

/// What was read and written in all, in two lines.
enum TotalsText {
  static func lines(of live: LiveLog) -> [String] {
    live.withFigures { figures, _ in
      [
        line("read", figures.total.reads, figures.readLatency),
        line("wrote", figures.total.writes, figures.writeLatency),
      ]
    } ?? []
  }

  private static func line(_ verb: String, _ counts: AccessCounts, _ latency: LatencyHistogram) -> String {
    let (bytes, once) = (Compact.bytes(counts.bytes), Compact.bytes(counts.distinctBytes))
    let distinct = once == bytes ? "" : " (\(once) distinct)"
    let times =
      latency.count == 0
      ? "" : ", median \(Compact.latency(latency.quantile(0.5))), 99 % \(Compact.latency(latency.quantile(0.99)))"
    return "\(verb) \(bytes)\(distinct) in \(counts.requests) requests\(times)"
  }
}
