/// The accesses of a disk on the page. They follow each other in the timeline, which is sorted by disk.
struct PageLane {
  let disk: UInt8
  let range: Range<Int>
  /// The end of the last access, in bytes.
  let size: UInt64
  /// Positions and lengths are written in units of this many bytes, a power of two with which they fit in 32 bits.
  let unit: UInt64

  private init(_ accesses: [Access], _ range: Range<Int>) {
    disk = accesses[range.lowerBound].disk
    self.range = range
    size = accesses[range].reduce(0) { max($0, $1.end) }
    unit = size >> 32 == 0 ? 1 : 1 << UInt64(32 - size.leadingZeroBitCount)
  }

  /// - Parameter accesses: sorted by disk.
  static func all(_ accesses: [Access]) -> [PageLane] {
    var lanes: [PageLane] = []
    var start = 0
    for index in accesses.indices where index + 1 == accesses.count || accesses[index + 1].disk != accesses[index].disk
    {
      lanes.append(PageLane(accesses, start..<index + 1))
      start = index + 1
    }
    return lanes
  }

  func position(_ access: Access) -> UInt32 { UInt32(clamping: access.start / unit) }

  /// Rounded up, so that nothing vanishes.
  func length(_ access: Access) -> UInt32 {
    UInt32(clamping: access.length / unit + (access.length % unit == 0 ? 0 : 1))
  }
}
