/// The reads of one chunk, put together: the recorder asks whether they are ambiguous, the mapper where they are.
///
/// Memory is bounded: a chunk whose reads fall apart into more than `maximumRanges` ranges is ambiguous, and further
/// ranges are only counted.
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
  /// Bytes; what the appliance's kernel reads at least and at the most at the end of a file.
  private static let largestBlock: UInt64 = 4096

  public let chunk: Chunk
  /// In the order in which they were first read, adjacent ones merged.
  public private(set) var ranges: [DiskRange] = []
  /// Reads that found no room.
  public private(set) var dropped = 0
  private var reads = 0

  public init(_ chunk: Chunk) { self.chunk = chunk }

  /// A read of `range`, which is not empty.
  public mutating func add(disk: UInt8, range: Range<UInt64>) {
    reads += 1
    // Most reads continue the last one; the others are put together in `merged`.
    if let last = ranges.indices.last, ranges[last].disk == disk, ranges[last].range.upperBound == range.lowerBound {
      ranges[last].range = ranges[last].range.lowerBound..<range.upperBound
    } else if ranges.count < Self.maximumRanges {
      ranges.append(DiskRange(disk: disk, range: range))
    } else {
      dropped += 1
    }
  }

  /// The ranges in disk order, overlapping and adjacent ones merged.
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
  /// Where a kernel asks for neighbouring blocks at the same time, the answers come in any order.
  public var mergedInOrder: [DiskRange] {
    let places = merged
    var first = [Int](repeating: .max, count: places.count)
    for (order, read) in ranges.enumerated() {
      // The last place that does not begin after the read holds it.
      let next = places.partitioningIndex { ($0.disk, $0.range.lowerBound) > (read.disk, read.range.lowerBound) }
      if next > 0 { first[next - 1] = min(first[next - 1], order) }
    }
    return places.indices.sorted { first[$0] < first[$1] }.map { places[$0] }
  }

  /// Whether every byte of a range is in one of `others`, which may overlap.
  public static func isCovered(_ range: DiskRange, by others: [DiskRange]) -> Bool {
    var position = range.range.lowerBound
    for other in others.filter({ $0.disk == range.disk }).sorted(by: { $0.range.lowerBound < $1.range.lowerBound })
    where other.range.lowerBound <= position { position = max(position, other.range.upperBound) }
    return position >= range.range.upperBound
  }

  /// Whether it cannot be said which of the chunk's bytes each range holds.
  public var isAmbiguous: Bool {
    guard chunk.layout.isExact, !ranges.isEmpty else { return false }
    if chunk.layout == .unproven, reads != 1 { return true }
    if chunk.layout == .ordered, ranges.count != 1 { return true }
    let merged = merged
    guard merged.count == 1, let only = merged.first?.range else { return true }
    // A read is rounded up to a block. More than that is something else's as well, such as a block of the file's own
    // block list next to its data.
    let length = only.upperBound - only.lowerBound
    return length < chunk.length || length - chunk.length >= Self.largestBlock
  }
}

extension Array {
  /// The index of the first element for which `belongsBehind` is true, in an array in which all such are at the end.
  fileprivate func partitioningIndex(where belongsBehind: (Element) -> Bool) -> Int {
    var low = 0
    var high = count
    while low < high {
      let middle = low + (high - low) / 2
      if belongsBehind(self[middle]) { high = middle } else { low = middle + 1 }
    }
    return low
  }
}
