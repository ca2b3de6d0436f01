/// Divides disks into segments: visits the starts and ends of a disk's ranges in order, and tracks which ranges are
/// active.
struct SegmentSweep {
  private let map: BlockMap
  /// The lists of others that segments of all disks refer to, by index.
  private(set) var lists: [OwnerList] = []

  init(_ map: BlockMap) { self.map = map }

  /// - Parameter bounds: the indices of the disk's ranges in the map.
  mutating func run(over bounds: Range<Int>) -> DiskSegments {
    // Nearly sorted already, since ranges that do not overlap end in the order in which they start.
    let ends = map.ranges[bounds].map(\.range.upperBound).sorted()
    var segments: [DiskSegments.Segment] = []
    segments.reserveCapacityInHugePages(2 * ends.count + 1)
    var active = ActiveRanges()
    var started = bounds.lowerBound
    var ended = 0
    var border: UInt64 = 0
    while true {
      let firstEnded = ended
      while ended < ends.count, ends[ended] == border { ended += 1 }
      if ended > firstEnded { active.remove(ended - firstEnded, endingAt: border) }
      while started < bounds.upperBound, map.ranges[started].range.lowerBound == border {
        active.insert(started, of: map)
        started += 1
      }
      segments.append(DiskSegments.Segment(start: border, owners: active.owners(in: &lists)))
      guard ended < ends.count else { return DiskSegments(segments) }
      border = ends[ended]
      if started < bounds.upperBound { border = min(border, map.ranges[started].range.lowerBound) }
    }
  }
}
