/// Cuts a disk into the segments over which the same ranges lie.
///
/// A segment names its first range, and a chain of the others. Where a range would need two chains (extents that overlap
/// each other in part), or more ranges lie than are listed, the segment is a tangle, which is to be looked up in the
/// ranges themselves.
struct SegmentSweep {
  private struct Active {
    var rank: UInt64
    var kind: ObjectKind
    var place: Int
    var end: UInt64
  }

  /// What comes behind a range.
  private struct Following {
    static let unknown = UInt32.max - 1

    /// The place of the next range.
    var next = Self.unknown
    /// The number of its own link.
    var link = Self.unknown
  }

  private let map: BlockMap
  private var following: [Following]
  private(set) var chains = OwnerChains()
  /// What lies here, the most specific first.
  private var active: [Active] = []

  private static let tangle = SegmentValue(first: SegmentValue.tangle, rest: OwnerChains.end)

  init(_ map: BlockMap) {
    self.map = map
    following = Array(repeating: Following(), count: map.ranges.count)
  }

  /// Cuts the disk whose ranges are at `bounds`, of which there is one at least; `section` finds them with `hulls`.
  mutating func run(
    _ bounds: Range<Int>, _ section: IntervalSection, _ hulls: [IntervalSection.Hull], into table: inout SegmentTable
  ) -> SegmentTable.Section {
    var segments = table.begin()
    // The chain that a gap behind the last segment would say; nil if it can have no gap.
    var gap: UInt32?
    func append(_ start: UInt64, _ value: SegmentValue, asChain chain: UInt32?) {
      let isRest = gap != nil && gap == chain
      table.append(start: start, value, isRest: isRest)
      gap = !isRest && value.hasFirst ? value.rest : nil
    }
    // Nearly sorted, since ranges that lie side by side are.
    let ends = map.ranges[bounds].map(\.range.upperBound).sorted()
    var next = bounds.lowerBound
    var ended = 0
    var isTangled = false
    if map.ranges[next].range.lowerBound > 0 { append(0, .nothing, asChain: OwnerChains.end) }
    while ended < ends.count {
      let first = next
      let isStart = next < bounds.upperBound && map.ranges[next].range.lowerBound < ends[ended]
      let border = isStart ? map.ranges[next].range.lowerBound : ends[ended]
      while ended < ends.count, ends[ended] <= border { ended += 1 }
      while next < bounds.upperBound, map.ranges[next].range.lowerBound <= border { next += 1 }
      guard next - bounds.lowerBound - ended <= MapIndex.ownersListed else {
        if !isTangled { append(border, Self.tangle, asChain: nil) }
        isTangled = true
        continue
      }
      if isTangled {
        activate(at: border, section, hulls)
      } else {
        active.removeAll { $0.end <= border }
        for place in first..<next { activate(place) }
      }
      isTangled = false
      guard let top = active.first else {
        append(border, .nothing, asChain: OwnerChains.end)
        continue
      }
      guard let rest = chain() else {
        append(border, Self.tangle, asChain: nil)
        continue
      }
      let owner = Owner(map.ranges[top.place], top.kind, at: border)
      if let value = SegmentValue(owner, rest: rest) {
        append(border, value, asChain: following[top.place].link)
      } else {
        let whole = link(top, next: rest)
        append(border, SegmentValue(first: SegmentValue.none, rest: whole), asChain: whole)
      }
    }
    table.finish(&segments)
    return segments
  }

  /// Finds what lies at a byte anew.
  private mutating func activate(at byte: UInt64, _ section: IntervalSection, _ hulls: [IntervalSection.Hull]) {
    active.removeAll(keepingCapacity: true)
    // Behind the last byte there is none.
    guard byte < .max else { return }
    var hits: [IntervalSection.Hit] = []
    section.collect(byte..<byte + 1, map.ranges.span, hulls.span, into: &hits)
    for hit in hits { activate(hit.place) }
  }

  private mutating func activate(_ place: Int) {
    let range = map.ranges[place].range
    let kind = map.objects.kind(of: map.ranges[place].object)
    let rank = Rank.of(range, kind)
    // Equal ones stay in the order of the map.
    var position = active.count
    while position > 0, active[position - 1].rank > rank { position -= 1 }
    active.insert(Active(rank: rank, kind: kind, place: place, end: range.upperBound), at: position)
  }

  /// The chain of what lies here behind the first; nil if a range would need two.
  private mutating func chain() -> UInt32? {
    var link = OwnerChains.end
    var next = OwnerChains.end
    for number in active.indices.reversed() {
      let place = active[number].place
      if following[place].next == Following.unknown { following[place].next = next }
      guard following[place].next == next else { return nil }
      guard number > 0 else { break }
      link = self.link(active[number], next: link)
      next = UInt32(place)
    }
    return link
  }

  /// The one link of a range.
  private mutating func link(_ range: Active, next: UInt32) -> UInt32 {
    if following[range.place].link == Following.unknown {
      following[range.place].link = chains.append(map.ranges[range.place], range.kind, next: next)
    }
    return following[range.place].link
  }
}
