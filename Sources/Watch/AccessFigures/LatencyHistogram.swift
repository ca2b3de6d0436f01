/// How often each latency occurred, in steps of a sixteenth of a power of two, so that a quantile is at most 6 % off.
package struct LatencyHistogram: Sendable {
  private static let steps = 16
  private var counts = [UInt64](repeating: 0, count: 61 * steps)
  package private(set) var count: UInt64 = 0

  package init() {}

  /// - Parameter latency: in nanoseconds.
  package mutating func add(_ latency: UInt64) {
    counts[Self.step(latency)] &+= 1
    count &+= 1
  }

  /// The latency in nanoseconds that this share of the requests did not exceed, such as 0.5 for the median; nil if
  /// there were none.
  package func quantile(_ share: Double) -> UInt64? {
    guard count > 0 else { return nil }
    let wanted = max(1, UInt64((Double(count) * min(max(share, 0), 1)).rounded(.up)))
    var sum: UInt64 = 0
    for (step, count) in counts.enumerated() where count > 0 {
      sum &+= count
      if sum >= wanted { return Self.middle(step) }
    }
    return nil
  }

  /// What was added since an earlier state of this histogram.
  package func since(_ earlier: LatencyHistogram) -> LatencyHistogram {
    var difference = self
    for step in counts.indices { difference.counts[step] &-= earlier.counts[step] }
    difference.count &-= earlier.count
    return difference
  }

  private static func step(_ latency: UInt64) -> Int {
    guard latency >= UInt64(steps) else { return Int(latency) }
    // The four bits behind the highest one.
    let exponent = 63 - latency.leadingZeroBitCount
    return (exponent - 3) * steps + Int(latency >> UInt64(exponent - 4) & 15)
  }

  private static func middle(_ step: Int) -> UInt64 {
    guard step >= steps else { return UInt64(step) }
    let exponent = UInt64(step / steps + 3)
    let width: UInt64 = 1 << (exponent - 4)
    return (16 + UInt64(step % steps)) &* width &+ width / 2
  }
}
