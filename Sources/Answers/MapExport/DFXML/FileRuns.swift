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
    // Where the first copies end in the file.
    var end: UInt64 = 0
    for range in sorted {
      let length = range.range.upperBound - range.range.lowerBound
      let known = end > range.objectOffset ? min(end - range.objectOffset, length) : 0
      if known > 0 { copies.append(range.part(0..<known)) }
      guard known < length else { continue }
      first.append(range.part(known..<length))
      // A map holds only offsets for which this fits.
      end = range.objectOffset &+ length
    }
  }
}

extension MappedRange {
  /// A part of the range.
  /// - Parameter part: in bytes from its start.
  fileprivate func part(_ part: Range<UInt64>) -> MappedRange {
    let start = range.lowerBound
    return MappedRange(
      disk: disk, range: start + part.lowerBound..<start + part.upperBound,
      objectOffset: objectOffset &+ part.lowerBound, object: object)
  }
}
