/// The segments of a disk: the stretches over which the same ranges of a map lie. There are no gaps between them.
///
/// A binary search of a large array waits for memory at nearly every step. So the disk is cut into equal buckets, one for
/// several segments, and a table says which segments start in each. A search reads the table and then goes through a few
/// neighbours, which come from memory together. Only where segments crowd together, in the worst case all in one bucket,
/// does it first halve their number until few are left.
struct DiskSegments: Sendable {
  struct Segment: Sendable {
    let start: UInt64
    let owners: OwnerList
  }

  private static let segmentsPerBucket = 8
  /// How many neighbours are gone through one by one.
  private static let few = 32

  private let segments: [Segment]
  /// The size of a bucket is this power of two, in bytes.
  private let bucketBits: UInt64
  /// How many segments start before each bucket; the last element counts all.
  private let buckets: [UInt32]

  /// - Parameter segments: in the order of the disk, the first one from 0 on; empty for a disk without ranges.
  init(_ segments: [Segment] = []) {
    let last = segments.last?.start ?? 0
    var bits: UInt64 = 0
    while last >> bits > segments.count / Self.segmentsPerBucket { bits += 1 }
    var buckets: [UInt32] = []
    buckets.reserveCapacity(Int(last >> bits) + 2)
    var before = 0
    for bucket in 0...last >> bits {
      while before < segments.count, segments[before].start < bucket << bits { before += 1 }
      buckets.append(UInt32(truncatingIfNeeded: before))
    }
    buckets.append(UInt32(truncatingIfNeeded: segments.count))
    self.segments = segments
    self.buckets = buckets
    bucketBits = bits
  }

  /// The segment that a byte lies in; nil if the disk has none.
  func segment(at byte: UInt64) -> Int? {
    let bucket = Int(min(byte >> bucketBits, UInt64(buckets.count - 2)))
    var low = Int(buckets[bucket])
    var high = Int(buckets[bucket + 1])
    // Find the first segment that starts behind the byte.
    while high - low > Self.few {
      let middle = (low + high) / 2
      if segments[middle].start <= byte { low = middle + 1 } else { high = middle }
    }
    while low < high, segments[low].start <= byte { low += 1 }
    return low > 0 ? low - 1 : nil
  }

  func owners(of segment: Int) -> OwnerList { segments[segment].owners }

  /// Where a segment ends; the last one has no end.
  func end(of segment: Int) -> UInt64 { segment + 1 < segments.count ? segments[segment + 1].start : .max }
}
