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
/// query takes O(log n + k) for the k pieces and ranges of the map that the request touches, O(log n + k log k) where
/// they overlap each other in part, and allocates nothing once its scratch has grown. The index takes 26 bytes for each
/// range beside the map, up to twice as many where ranges do not lie in one another, and 32 for each that others lie in.
public struct MapIndex: Sendable {
  /// How many ranges `forEachPiece` lists for one piece at most: the most specific ones.
  public static let ownersListed = 64

  public let map: BlockMap
  /// Disk 1 first; nil for one without ranges.
  private let disks: [DiskIndex?]
  private let segments: SegmentTable
  private let chains: [OwnerChains.Link]
  /// What the disks' sections search in.
  private let hulls: [IntervalSection.Hull]

  public init(_ map: BlockMap) {
    self.map = map
    var disks: [DiskIndex?] = []
    var segments = SegmentTable(capacity: map.ranges.count)
    var hulls: [IntervalSection.Hull] = []
    var sweep = SegmentSweep(map)
    var first = 0
    while first < map.ranges.count {
      let disk = map.ranges[first].disk
      var end = first
      while end < map.ranges.count, map.ranges[end].disk == disk { end += 1 }
      while disks.count + 1 < Int(disk) { disks.append(nil) }
      let section = IntervalSection(map.ranges, first..<end, hulls: &hulls)
      disks.append(DiskIndex(segments: sweep.run(first..<end, section, hulls, into: &segments), section: section))
      first = end
    }
    self.disks = disks
    self.segments = segments
    self.hulls = hulls
    chains = sweep.chains.links
  }

  /// Calls `body` with the pieces of `request`, in order and without gaps, and for each with the objects over it.
  ///
  /// The most specific comes first: by the kind's specificity, then that with the shorter range, then the order of
  /// the map. A piece that no range covers has no owners. An empty request has no pieces. `disk` is 1 for the
  /// first; a disk that the map does not know has no ranges.
  public func forEachPiece(
    of request: Range<UInt64>, disk: Int, scratch: inout QueryScratch,
    _ body: (Piece, Span<Owner>) throws -> Void
  ) rethrows {
    guard !request.isEmpty else { return }
    guard disk >= 1, disk <= disks.count, let section = disks[disk - 1]?.segments else {
      return try body(Piece(range: request, ownerCount: 0), Span())
    }
    let found = segments.find(request.lowerBound, in: section)
    let value = segments.value(of: found.cursor)
    // Nearly always.
    if request.upperBound <= found.limit, !value.isTangle {
      let count = scratch.list(value, at: request.lowerBound, distance: found.distance, chains.span)
      return try body(Piece(range: request, ownerCount: count), scratch.owners.span.extracting(first: count))
    }
    try forEachPiece(of: request, disk, from: found.cursor, in: section, &scratch, body)
  }

  @inline(never)
  private func forEachPiece(
    of request: Range<UInt64>, _ disk: Int, from first: SegmentTable.Cursor, in section: SegmentTable.Section,
    _ scratch: inout QueryScratch, _ body: (Piece, Span<Owner>) throws -> Void
  ) rethrows {
    var cursor = first
    var position = request.lowerBound
    var start = segments.start(of: cursor)
    while position < request.upperBound {
      let value = segments.value(of: cursor)
      var end = segments.advance(&cursor, in: section)
      if value.isTangle {
        // In one go: what lies over several segments is looked for once.
        while end < request.upperBound, segments.value(of: cursor).isTangle {
          end = segments.advance(&cursor, in: section)
        }
        try untangle(position..<min(end, request.upperBound), disk, &scratch, body)
      } else {
        let count = scratch.list(value, at: position, distance: position &- start, chains.span)
        let piece = Piece(range: position..<min(end, request.upperBound), ownerCount: count)
        try body(piece, scratch.owners.span.extracting(first: count))
      }
      position = end
      start = end
    }
  }

  /// For `Lookahead`: begins to fetch what tells where a query that begins at this byte is answered.
  func prefetchDirectory(_ byte: UInt64, disk: Int) {
    guard disk >= 1, disk <= disks.count, let section = disks[disk - 1]?.segments else { return }
    segments.prefetchDirectory(byte, in: section)
  }

  /// For `Lookahead`: begins to fetch what answers a query that begins at this byte.
  func prefetchSegment(_ byte: UInt64, disk: Int) {
    guard disk >= 1, disk <= disks.count, let section = disks[disk - 1]?.segments else { return }
    segments.prefetch(byte, in: section)
  }

  /// For `Lookahead`: the first object over this byte, or nil where that is not known at once.
  func likelyObject(at byte: UInt64, disk: Int) -> ObjectID? {
    guard disk >= 1, disk <= disks.count, let section = disks[disk - 1]?.segments else { return nil }
    let value = segments.value(of: segments.find(byte, in: section).cursor)
    if value.hasFirst { return value.owner(distance: 0).object }
    guard !value.isTangle, value.rest != OwnerChains.end else { return nil }
    return chains[Int(value.rest)].object
  }

  @inline(never)
  private func untangle(
    _ request: Range<UInt64>, _ disk: Int, _ scratch: inout QueryScratch,
    _ body: (Piece, Span<Owner>) throws -> Void
  ) rethrows {
    scratch.begin()
    disks[disk - 1]?.section.collect(request, map.ranges.span, hulls.span, into: &scratch.hits)
    scratch.arrange(map)
    try scratch.sweep(request, map, body)
  }
}
