import Algorithms
import BlockMap

/// Finds where parts of files are on the disks.
struct FileParts {
  private let ranges: ObjectRanges
  /// The ranges of each file that was asked for, sorted by their offset in the file.
  private var known: [ObjectID: [MappedRange]] = [:]

  init(_ ranges: ObjectRanges) { self.ranges = ranges }

  /// What a file has at an offset.
  enum Part: Equatable {
    /// Bytes that are on the disk from this offset on, and how many.
    case stored(at: UInt64, count: UInt64)
    /// Nothing for this many bytes.
    case gap(count: UInt64)
  }

  /// What a file has at an offset. If there are copies, one of them counts.
  mutating func part(at offset: UInt64, of file: ObjectID) -> Part {
    let parts = sorted(file)
    // The first part that begins after the offset. Parts overlap only if they are copies.
    let next = parts.partitioningIndex { $0.objectOffset > offset }
    if next > 0 {
      let part = parts[next - 1]
      let (skipped, size) = (offset - part.objectOffset, part.range.upperBound - part.range.lowerBound)
      if skipped < size { return .stored(at: part.range.lowerBound + skipped, count: size - skipped) }
    }
    return .gap(count: next < parts.count ? parts[next].objectOffset - offset : .max)
  }

  /// The end of the last part of a file, as an offset in the file.
  mutating func end(of file: ObjectID) -> UInt64 {
    guard let part = sorted(file).last else { return 0 }
    return part.objectOffset &+ (part.range.upperBound - part.range.lowerBound)
  }

  private mutating func sorted(_ file: ObjectID) -> [MappedRange] {
    if let parts = known[file] { return parts }
    let parts = ranges.ranges(of: file).sorted { $0.objectOffset < $1.objectOffset }
    known[file] = parts
    return parts
  }
}
