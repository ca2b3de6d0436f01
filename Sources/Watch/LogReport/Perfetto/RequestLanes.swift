/// Divides requests that overlap into lanes, in each of which they follow one another.
///
/// A log has requests in the order in which they ended, so a lane is free if its last request had ended when this one
/// began. There are as many lanes as requests that are under way at the same time.
struct RequestLanes {
  /// Clients have far fewer requests under way.
  static let maximum = 256

  /// When the last request of each lane ended.
  private var ends: [UInt64] = []

  /// Takes a lane.
  /// - Returns: its number from 0, and whether it is new; nil if all are in use.
  mutating func lane(from begin: UInt64, to end: UInt64) -> (number: Int, isNew: Bool)? {
    // The lane that has been free for the shortest time leaves most room to others.
    var best: Int?
    for (number, last) in ends.enumerated() where last <= begin && best.map({ ends[$0] < last }) ?? true {
      best = number
    }
    if let best {
      ends[best] = end
      return (best, false)
    }
    guard ends.count < Self.maximum else { return nil }
    ends.append(end)
    return (ends.count - 1, true)
  }
}
