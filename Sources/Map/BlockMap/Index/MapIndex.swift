/// Finds the objects that own a range of a disk.
///
/// The ends of the map's ranges divide each disk into segments, each covered by the same ranges. `SegmentSweep`
/// computes them and stores the start of each segment and the list of its owners. A look-up searches the starts and
/// reads the list. It takes O(log n) time, plus O(k) for the k pieces and owners that it finds.
///
/// A range adds at most two segments of 25 bytes each, plus 16 bytes if other ranges are nested in it. Since a guest
/// controls how its ranges overlap, the worst case is bounded too: at most `ownersListed` owners are listed, so each
/// of the 2 n ends of n ranges adds at most 64 entries of 16 bytes and takes O(64 + log n) time.
///
/// The index is immutable: any number of threads may use it at once.
public struct MapIndex: Sendable {
  /// The most owners that `forEachPiece` lists for one piece. The most specific ones are listed.
  public static let ownersListed = 64

  public let map: BlockMap
  /// Indexed by disk number minus 1. A disk without ranges has no segments.
  private let disks: [DiskSegments]
  /// The lists that `OwnerList.Others` refers to by index.
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

  /// Calls `body` with each piece of `request`, in order and without gaps, and with the owners of the piece.
  ///
  /// Owners are sorted from the most specific: by the specificity of the kind, then by the length of the range
  /// (shortest first), then in the order of the map. A piece that no range covers has no owners. An empty request has
  /// no pieces.
  ///
  /// - Parameters:
  ///   - disk: the number of the disk, from 1; a disk that the map does not know has no ranges.
  ///   - scratch: a buffer for the owners. Reuse it for the next look-up to avoid allocating memory.
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

  /// Lists the owners of a piece in `scratch`.
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
