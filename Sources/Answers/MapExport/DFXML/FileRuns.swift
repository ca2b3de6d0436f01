import BlockMap

/// The ranges of a file, in the order of the file: each byte once, and what is stored again.
struct FileRuns {
  /// The first copy of each byte.
  private(set) var first: [MappedRange] = []
  /// All other copies.
  private(set) var copies: [MappedRange] = []

  init(_ ranges: some Sequence<MappedRange>, hasOffsets: Bool) {
    guard hasOffsets else {
      first = Array(ranges)
      return
    }
    let sorted = ranges.sorted {
      ($0.objectOffset, $0.disk, $0.range.lowerBound) < ($1.objectOffset, $1.disk, $1.range.lowerBound)
    }
    var end: UInt64 = 0
    for range in sorted {
      if range.objectOffset >= end {
        first.append(range)
        // A map holds only offsets for which this fits.
        end = range.objectOffset &+ (range.range.upperBound - range.range.lowerBound)
      } else {
        copies.append(range)
      }
    }
  }
}
