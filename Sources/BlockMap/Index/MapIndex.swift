/// A stretch of a request over which the same ranges of the map lie.
public struct Piece: Sendable {
  /// The bytes on the disk.
  public let range: Range<UInt64>
  /// How many ranges of the map lie over it; more than are listed if there are more than
  /// `MapIndex.ownersListed`.
  public let ownerCount: Int
}

/// Answers what lies under a range of a disk.
///
/// Immutable and without locks: any number of threads may ask at once, each with a `QueryScratch` of its own. A
/// query takes O(log n + k log k) for the k ranges of the map that the request touches, whatever their number
/// and however they overlap, and allocates nothing once its scratch has grown.
public struct MapIndex: Sendable {
  /// How many ranges `forEachPiece` lists for one piece at most: the most specific ones.
  public static let ownersListed = 64

  public let map: BlockMap
  /// The ranges of each disk, disk 1 first.
  private let sections: [IntervalSection]
  /// What all sections search in.
  private let hulls: [IntervalSection.Hull]
  /// How specific each range is, a byte each, so that a query need not look at the objects.
  private let specificities: [UInt8]

  public init(_ map: BlockMap) {
    self.map = map
    var sections: [IntervalSection] = []
    var hulls: [IntervalSection.Hull] = []
    var first = 0
    while first < map.ranges.count {
      let disk = map.ranges[first].disk
      var end = first
      while end < map.ranges.count, map.ranges[end].disk == disk { end += 1 }
      while sections.count + 1 < Int(disk) { sections.append(IntervalSection()) }
      sections.append(IntervalSection(map.ranges, first..<end, hulls: &hulls))
      first = end
    }
    self.sections = sections
    self.hulls = hulls
    specificities = map.ranges.map { map.objects.kind(of: $0.object).specificity }
  }

  /// Calls `body` with the pieces of `request`, in order and without gaps, and for each with the places in
  /// `map.ranges` of the ranges over it.
  ///
  /// The most specific range comes first: by the kind's specificity, then the shorter range, then the order of
  /// the map. A piece that no range covers has no owners. An empty request has no pieces. `disk` is 1 for the
  /// first; a disk that the map does not know has no ranges.
  public func forEachPiece(
    of request: Range<UInt64>, disk: Int, scratch: inout QueryScratch,
    _ body: (Piece, Span<Int>) throws -> Void
  ) rethrows {
    guard !request.isEmpty else { return }
    scratch.begin()
    if disk >= 1, disk <= sections.count {
      hulls.withUnsafeBufferPointer { hulls in
        sections[disk - 1].collect(request, hulls, into: &scratch.hits)
      }
    }
    scratch.arrange(specificities)
    try scratch.sweep(request, body)
  }
}
