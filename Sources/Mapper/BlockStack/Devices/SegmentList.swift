import Algorithms

/// The segments of a device. A thin volume may have a million, so they are found by searching where they are sorted.
struct SegmentList {
  typealias Segment = DeviceTable.Segment

  let all: [Segment]
  /// The end of the last segment, in bytes; nil if there is none.
  let end: UInt64?
  let devicesBelow: Set<Substring>
  /// Whether each segment ends before the next one starts. A hostile table may have them in any order.
  private let isSorted: Bool
  /// The segments by the device below, sorted by the offset on it; nil if there are some that are not contiguous on each
  /// device, or if some overlap there.
  private let onDevices: [Substring: [Placed]]?

  private struct Placed {
    /// On the device below, in bytes.
    var offset: UInt64
    var segment: Segment
  }

  init(_ segments: [Segment]) {
    all = segments
    end = segments.map(\.range.upperBound).max()
    devicesBelow = Set(segments.flatMap(\.target.devicesBelow))
    isSorted = zip(segments, segments.dropFirst()).allSatisfy { $0.range.upperBound <= $1.range.lowerBound }
    onDevices = Self.sortedOnDevices(segments)
  }

  private static func sortedOnDevices(_ segments: [Segment]) -> [Substring: [Placed]]? {
    var result: [Substring: [Placed]] = [:]
    for segment in segments {
      switch segment.target {
      case .linear(let leg): result[leg.device, default: []].append(Placed(offset: leg.offset, segment: segment))
      case .mirrored(let legs):
        for case .some(let leg) in legs {
          result[leg.device, default: []].append(Placed(offset: leg.offset, segment: segment))
        }
      case .striped, .copied, .parity: return nil
      }
    }
    for device in Array(result.keys) {
      result[device]?.sort { $0.offset < $1.offset }
      let sorted = result[device, default: []]
      let isDisjoint = zip(sorted, sorted.dropFirst()).allSatisfy { first, second in
        second.offset - first.offset >= first.segment.range.upperBound - first.segment.range.lowerBound
      }
      guard isDisjoint else { return nil }
    }
    return result
  }

  /// The segments with bytes of a range of the device.
  func overlapping(_ range: Range<UInt64>) -> [Segment].SubSequence {
    guard !range.isEmpty else { return [] }
    guard isSorted else { return all.filter { $0.range.overlaps(range) }[...] }
    let first = all.partitioningIndex { $0.range.upperBound > range.lowerBound }
    return all[first...].prefix { $0.range.lowerBound < range.upperBound }
  }

  /// The segments that may be on a range of a device below.
  func segments(on device: Substring, _ range: Range<UInt64>) -> [Segment] {
    guard let sorted = onDevices.map({ $0[device, default: []] }) else { return all }
    // The one before the first that starts in the range may reach into it.
    let next = sorted.partitioningIndex { $0.offset > range.lowerBound }
    return sorted[max(0, next - 1)...].prefix { $0.offset < range.upperBound }.map(\.segment)
  }
}
