/// The ranges behind the most specific one of a segment, as chains: each range has one that comes next, wherever it
/// lies, if ranges lie in one another as a file does in its partition.
struct OwnerChains: Sendable {
  /// No link: the chain ends.
  static let end = UInt32.max

  struct Link: Sendable {
    /// Among the map's ranges.
    var place: UInt32
    /// The number of the next link.
    var next: UInt32
  }

  private(set) var links: [Link] = []

  /// Adds a link, and gives its number.
  mutating func append(_ link: Link) -> UInt32 {
    links.append(link)
    return UInt32(links.count - 1)
  }

  /// What a segment says that has a chain, and nothing before it.
  func value(of chain: UInt32) -> SegmentTable.Value {
    guard chain != Self.end else { return SegmentTable.Value(first: SegmentSweep.Mark.none, rest: Self.end) }
    let link = links[Int(chain)]
    return SegmentTable.Value(first: link.place, rest: link.next)
  }
}
