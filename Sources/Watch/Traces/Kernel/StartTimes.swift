/// When requests were queued and issued, by the sectors at which they begin.
///
/// This is a table of fixed size without lists: a request can push another one out, whose latency is then unknown.
struct StartTimes {
  private struct Entry {
    var source = -1
    var sector: UInt64 = 0
    var time: UInt64 = 0
  }

  /// More requests are rarely under way, and the table fits in a processor's cache.
  private static let bits: UInt64 = 14

  private var queued = [Entry](repeating: Entry(), count: 1 << bits)
  private var issued = [Entry](repeating: Entry(), count: 1 << bits)
  private var isEmpty = true

  @inline(__always)
  private static func slot(_ source: Int, _ sector: UInt64) -> Int {
    let mixed = (sector &+ UInt64(truncatingIfNeeded: source) &* 0xff51_afd7_ed55_8ccd) &* 0x9e37_79b9_7f4a_7c15
    return Int(mixed >> (64 - bits))
  }

  @inline(__always)
  mutating func begin(_ stage: BlockStage, _ source: Int, _ sector: UInt64, at time: UInt64) {
    let entry = Entry(source: source, sector: sector, time: time)
    let slot = Self.slot(source, sector)
    isEmpty = false
    if stage == .queued { queued[slot] = entry } else { issued[slot] = entry }
  }

  /// The time of a request that ends: when it was issued, or if that is not known, when it was queued.
  @inline(__always)
  mutating func end(_ source: Int, _ sector: UInt64) -> UInt64? {
    guard !isEmpty else { return nil }
    let slot = Self.slot(source, sector)
    let wasIssued = Self.take(&issued[slot], source, sector)
    let wasQueued = Self.take(&queued[slot], source, sector)
    return wasIssued ?? wasQueued
  }

  @inline(__always)
  private static func take(_ entry: inout Entry, _ source: Int, _ sector: UInt64) -> UInt64? {
    guard entry.source == source, entry.sector == sector else { return nil }
    entry.source = -1
    return entry.time
  }
}
