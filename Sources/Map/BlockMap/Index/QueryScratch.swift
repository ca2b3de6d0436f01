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
  /// What is listed for a piece, and what is left of another.
  private(set) var owners = [Owner](
    repeating: Owner(object: ObjectID(rawValue: 0), specificity: 0, offset: 0, deviceLength: 0),
    count: MapIndex.ownersListed)

  public init() {}

  mutating func begin() {
    hits.removeAll(keepingCapacity: true)
    byRank.removeAll(keepingCapacity: true)
    byEnd.removeAll(keepingCapacity: true)
    ranks.removeAll(keepingCapacity: true)
  }

  /// Brings the hits into the orders that `sweep` needs.
  mutating func arrange(_ map: BlockMap) {
    for (number, hit) in hits.enumerated() {
      let kind = map.objects.kind(of: map.ranges[hit.place].object)
      byRank.append(Keyed(key: Rank.of(hit.range, kind), hit: number))
      byEnd.append(Keyed(key: hit.range.upperBound, hit: number))
      ranks.append(0)
    }
    Self.sort(&byRank)
    Self.sort(&byEnd)
    for (rank, keyed) in byRank.enumerated() { ranks[keyed.hit] = rank }
    active.reset(size: hits.count)
  }

  /// Moves over `request` from border to border.
  mutating func sweep(
    _ request: Range<UInt64>, _ map: BlockMap, _ body: (Piece, Span<Owner>) throws -> Void
  ) rethrows {
    var position = request.lowerBound
    var starting = 0
    var ending = 0
    while position < request.upperBound {
      while ending < byEnd.count, byEnd[ending].key <= position {
        active.remove(ranks[byEnd[ending].hit])
        ending += 1
      }
      while starting < hits.count, hits[starting].range.lowerBound <= position {
        active.insert(ranks[starting])
        starting += 1
      }
      var next = request.upperBound
      if starting < hits.count { next = min(next, hits[starting].range.lowerBound) }
      if ending < byEnd.count { next = min(next, byEnd[ending].key) }
      let listed = listOwners(map, at: position)
      try body(
        Piece(range: position..<next, ownerCount: active.count), owners.span.extracting(first: listed))
      position = next
    }
  }

  /// Lists what a segment says, and gives how many they are.
  /// - Parameters:
  ///   - byte: where the piece begins.
  ///   - distance: how far that is behind the segment's beginning.
  @inline(__always)
  mutating func list(
    _ value: SegmentValue, at byte: UInt64, distance: UInt64, _ chains: Span<OwnerChains.Link>
  ) -> Int {
    var list = owners.mutableSpan
    // Whether it is one or not: what is not is written over.
    list[0] = value.owner(distance: distance)
    var count = value.hasFirst ? 1 : 0
    var number = value.rest
    // No chain is longer.
    while number != OwnerChains.end, count < list.count {
      let link = chains[Int(number)]
      list[count] = Owner(
        object: link.object, specificity: link.specificity, offset: link.offset &+ byte,
        deviceLength: link.deviceLength)
      number = link.next
      count += 1
    }
    return count
  }

  private mutating func listOwners(_ map: BlockMap, at byte: UInt64) -> Int {
    var count = 0
    var rank = active.next(from: 0)
    while let current = rank, count < MapIndex.ownersListed {
      let mapped = map.ranges[hits[byRank[current].hit].place]
      owners[count] = Owner(mapped, map.objects.kind(of: mapped.object), at: byte)
      count += 1
      rank = active.next(from: current + 1)
    }
    return count
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
