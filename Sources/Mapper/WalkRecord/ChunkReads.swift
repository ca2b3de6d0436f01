import Algorithms

/// The reads of one chunk. The recorder asks whether they are ambiguous, and the mapper where they are.
///
/// Memory is bounded: at most `maximumRanges` ranges are stored, and further ones are only counted.
public struct ChunkReads: Sendable {
  /// A contiguous range of one disk, in bytes.
  public struct DiskRange: Equatable, Sendable {
    public var disk: UInt8
    public var range: Range<UInt64>

    public init(disk: UInt8, range: Range<UInt64>) {
      self.disk = disk
      self.range = range
    }
  }

  public static let maximumRanges = 65_536
  /// The largest unit, in bytes, to which the appliance's kernel rounds up a read at the end of a file.
  private static let largestBlock: UInt64 = 4096

  public let chunk: Chunk
  /// In read order; a read that continues the previous one is merged with it.
  public private(set) var ranges: [DiskRange] = []
  /// The number of reads that were not stored.
  public private(set) var dropped = 0
  private var reads = 0

  public init(_ chunk: Chunk) { self.chunk = chunk }

  /// Adds a read of `range`, which must not be empty.
  public mutating func add(disk: UInt8, range: Range<UInt64>) {
    reads += 1
    // Most reads continue the previous one. `merged` joins the others.
    if let last = ranges.indices.last, ranges[last].disk == disk, ranges[last].range.upperBound == range.lowerBound {
      ranges[last].range = ranges[last].range.lowerBound..<range.upperBound
    } else if ranges.count < Self.maximumRanges {
      ranges.append(DiskRange(disk: disk, range: range))
    } else {
      dropped += 1
    }
  }

  /// The ranges in disk order, with overlapping and adjacent ones merged.
  public var merged: [DiskRange] {
    let sorted = ranges.sorted { ($0.disk, $0.range.lowerBound) < ($1.disk, $1.range.lowerBound) }
    var result: [DiskRange] = []
    for next in sorted {
      if let last = result.indices.last, result[last].disk == next.disk,
        next.range.lowerBound <= result[last].range.upperBound
      {
        let end = max(result[last].range.upperBound, next.range.upperBound)
        result[last].range = result[last].range.lowerBound..<end
      } else {
        result.append(next)
      }
    }
    return result
  }

  /// The merged ranges in the order in which a byte of each was first read.
  ///
  /// If a kernel requests adjacent blocks at the same time, the replies come in any order.
  public var mergedInOrder: [DiskRange] {
    let diskRanges = merged
    var first = [Int](repeating: .max, count: diskRanges.count)
    for (order, read) in ranges.enumerated() {
      // The last merged range that starts at or before the read holds it.
      let next = diskRanges.partitioningIndex { ($0.disk, $0.range.lowerBound) > (read.disk, read.range.lowerBound) }
      if next > 0 { first[next - 1] = min(first[next - 1], order) }
    }
    return diskRanges.indices.sorted { first[$0] < first[$1] }.map { diskRanges[$0] }
  }

  /// Whether every byte of a range is in one of `others`, which may overlap.
  public static func isCovered(_ range: DiskRange, by others: [DiskRange]) -> Bool {
    var position = range.range.lowerBound
    for other in others.filter({ $0.disk == range.disk }).sorted(by: { $0.range.lowerBound < $1.range.lowerBound })
    where other.range.lowerBound <= position { position = max(position, other.range.upperBound) }
    return position >= range.range.upperBound
  }

  /// Whether the reads leave open which of the chunk's bytes each range holds.
  public var isAmbiguous: Bool {
    guard chunk.layout.isExact, !ranges.isEmpty else { return false }
    if dropped > 0 { return true }
    if chunk.layout == .unproven, reads != 1 { return true }
    if chunk.layout == .ordered, ranges.count != 1 { return true }
    let merged = merged
    guard merged.count == 1, let only = merged.first?.range else { return true }
    // A read is rounded up to a block. If there is more, something else was read too, such as a block of the file's
    // own block list next to its data.
    let length = only.upperBound - only.lowerBound
    return length < chunk.length || length - chunk.length >= Self.largestBlock
  }
}
