/// The segments of a disk: the stretches that are each covered by the same ranges of a map. There are no gaps between
/// them.
///
/// A binary search of a large array misses the cache at nearly every step. So the disk is divided into equal buckets,
/// each holding several segments on average, and a table gives the first segment of each bucket. A look-up reads the
/// table and then scans a few neighbouring segments, which share cache lines. Only where segments are crowded (in the
/// worst case all in one bucket) does it start with a binary search, until few are left.
struct DiskSegments: Sendable {
  struct Segment: Sendable {
    let start: UInt64
    let owners: OwnerList
  }

  private static let segmentsPerBucket = 8
  /// How many neighbouring segments are scanned linearly.
  private static let few = 32

  private let segments: [Segment]
  /// The size of a bucket, as a power of two: 1 << `bucketBits` bytes.
  private let bucketBits: UInt64
  /// How many segments start before each bucket; the last element is the number of all segments.
  private let buckets: [UInt32]

  /// - Parameter segments: sorted by offset, the first one starting at 0; empty for a disk without ranges.
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

  /// The segment that contains a byte; nil if the disk has no segments.
  func segment(at byte: UInt64) -> Int? {
    let bucket = Int(min(byte >> bucketBits, UInt64(buckets.count - 2)))
    var low = Int(buckets[bucket])
    var high = Int(buckets[bucket + 1])
    // Find the first segment that starts after the byte.
    while high - low > Self.few {
      let middle = (low + high) / 2
      if segments[middle].start <= byte { low = middle + 1 } else { high = middle }
    }
    while low < high, segments[low].start <= byte { low += 1 }
    return low > 0 ? low - 1 : nil
  }

  func owners(of segment: Int) -> OwnerList { segments[segment].owners }

  /// The offset at which a segment ends; the last one has no end.
  func end(of segment: Int) -> UInt64 { segment + 1 < segments.count ? segments[segment + 1].start : .max }
}
