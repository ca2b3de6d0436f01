/// Working memory of queries: one a thread, used again and again. It grows with the largest query.
public struct QueryScratch: Sendable {
  /// A value to sort by, and which hit it belongs to.
  private struct Keyed: Sendable {
    var key: UInt64
    var hit: Int
  }

  /// Below this many, moving neighbours is faster than a general sort, and allocates nothing.
  private static let fewHits = 24

  /// The ranges that the request touches, in the order of their starts.
  var hits: [IntervalSection.Hit] = []
  /// The hits, the most specific first.
  private var byRank: [Keyed] = []
  /// The hits in the order of their ends.
  private var byEnd: [Keyed] = []
  /// For each hit its place in `byRank`.
  private var ranks: [Int] = []
  /// The ranks of the hits that cover the current piece.
  private var active = RankSet()
  private var owners: [Int] = []

  public init() {}

  mutating func begin() {
    hits.removeAll(keepingCapacity: true)
    byRank.removeAll(keepingCapacity: true)
    byEnd.removeAll(keepingCapacity: true)
    ranks.removeAll(keepingCapacity: true)
  }

  /// Brings the hits into the orders that `sweep` needs.
  mutating func arrange(_ specificities: [UInt8]) {
    for (number, hit) in hits.enumerated() {
      let length = hit.hull.end &- hit.hull.start
      let broadness = 7 &- UInt64(specificities[hit.place])
      byRank.append(Keyed(key: broadness << 61 | min(length, 1 << 61 - 1), hit: number))
      byEnd.append(Keyed(key: hit.hull.end, hit: number))
      ranks.append(0)
    }
    Self.sort(&byRank)
    Self.sort(&byEnd)
    for (rank, keyed) in byRank.enumerated() { ranks[keyed.hit] = rank }
    active.reset(size: hits.count)
  }

  /// Moves over `request` from border to border.
  mutating func sweep(
    _ request: Range<UInt64>, _ body: (Piece, Span<Int>) throws -> Void
  ) rethrows {
    var position = request.lowerBound
    var starting = 0
    var ending = 0
    while position < request.upperBound {
      while ending < byEnd.count, byEnd[ending].key <= position {
        active.remove(ranks[byEnd[ending].hit])
        ending += 1
      }
      while starting < hits.count, hits[starting].hull.start <= position {
        active.insert(ranks[starting])
        starting += 1
      }
      var next = request.upperBound
      if starting < hits.count { next = min(next, hits[starting].hull.start) }
      if ending < byEnd.count { next = min(next, byEnd[ending].key) }
      listOwners()
      try body(Piece(range: position..<next, ownerCount: active.count), owners.span)
      position = next
    }
  }

  private mutating func listOwners() {
    owners.removeAll(keepingCapacity: true)
    var rank = active.next(from: 0)
    while let current = rank, owners.count < MapIndex.ownersListed {
      owners.append(hits[byRank[current].hit].place)
      rank = active.next(from: current + 1)
    }
  }

  /// Sorts by key, and equal keys by hit.
  private static func sort(_ values: inout [Keyed]) {
    guard values.count <= fewHits else {
      values.sort { ($0.key, $0.hit) < ($1.key, $1.hit) }
      return
    }
    for place in values.indices.dropFirst() {
      let value = values[place]
      var hole = place
      while hole > 0, (values[hole - 1].key, values[hole - 1].hit) > (value.key, value.hit) {
        values[hole] = values[hole - 1]
        hole -= 1
      }
      values[hole] = value
    }
  }
}
