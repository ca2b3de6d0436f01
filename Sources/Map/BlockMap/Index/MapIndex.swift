/// Finds the objects under a range of a disk.
///
/// The borders of the map's ranges cut each disk into segments, over each of which the same ranges lie. `SegmentSweep`
/// makes them; for each it notes where the segment starts and a list of its owners. A look-up searches the starts and
/// reads the list. It takes O(log n) time, and O(k) for the k pieces and owners that it finds.
///
/// A range adds at most two segments of 25 bytes each, and 16 bytes if other ranges lie in it. A guest decides how its
/// ranges overlap, so the worst map has a bound, too: since at most `ownersListed` owners are listed, each of the 2 n
/// borders of n ranges adds at most 64 entries of 16 bytes, and takes O(64 + log n) time.
///
/// The index is immutable: any number of threads may ask at once.
public struct MapIndex: Sendable {
  /// How many ranges `forEachPiece` lists for one piece at most: the most specific ones.
  public static let ownersListed = 64

  public let map: BlockMap
  /// Disk 1 first; a disk without ranges has no segments.
  private let disks: [DiskSegments]
  /// What `OwnerList.Others` refers to.
  private let lists: [OwnerList]

  public init(_ map: BlockMap) {
    self.map = map
    var disks: [DiskSegments] = []
    var sweep = SegmentSweep(map)
    var first = 0
    while first < map.ranges.count {
      let disk = map.ranges[first].disk
      var end = first
      while end < map.ranges.count, map.ranges[end].disk == disk { end += 1 }
      while disks.count + 1 < Int(disk) { disks.append(DiskSegments()) }
      disks.append(sweep.run(over: first..<end))
      first = end
    }
    self.disks = disks
    lists = sweep.lists
  }

  /// Calls `body` with the pieces of `request`, in order and without gaps, and for each with the objects over it.
  ///
  /// The most specific comes first: by the kind's specificity, then that with the shorter range, then the order of
  /// the map. A piece that no range covers has no owners. An empty request has no pieces.
  ///
  /// - Parameters:
  ///   - disk: 1 for the first; a disk that the map does not know has no ranges.
  ///   - scratch: where the owners are listed. Keep it for the next look-up, so that none allocates memory.
  public func forEachPiece(
    of request: Range<UInt64>, disk: Int, scratch: inout [Owner], _ body: (Piece, Span<Owner>) throws -> Void
  ) rethrows {
    guard !request.isEmpty else { return }
    guard disk >= 1, disk <= disks.count, let first = disks[disk - 1].segment(at: request.lowerBound) else {
      return try body(Piece(range: request, ownerCount: 0, mostSpecificCount: 0), Span())
    }
    var segment = first
    var position = request.lowerBound
    while position < request.upperBound {
      let end = min(disks[disk - 1].end(of: segment), request.upperBound)
      let piece = list(disks[disk - 1].owners(of: segment), position..<end, in: &scratch)
      try body(piece, scratch.span)
      position = end
      segment += 1
    }
  }

  /// Lists the owners of a piece.
  private func list(_ owners: OwnerList, _ range: Range<UInt64>, in scratch: inout [Owner]) -> Piece {
    scratch.removeAll(keepingCapacity: true)
    var rest = owners
    var mostSpecificCount = 0
    var isMostSpecific = true
    while !rest.isEmpty {
      scratch.append(Owner(object: rest.object, offset: rest.shift &+ range.lowerBound))
      if isMostSpecific { mostSpecificCount += 1 }
      isMostSpecific = isMostSpecific && rest.isSecondEqual
      rest = rest.others.list.map { lists[$0] } ?? OwnerList(end: rest.others)
    }
    return Piece(
      range: range, ownerCount: scratch.count + rest.others.unlisted, mostSpecificCount: mostSpecificCount)
  }
}
