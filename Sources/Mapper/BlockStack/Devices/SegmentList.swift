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
  /// The segments that are contiguous on a device below, by that device and sorted by the offset on it; nil if there
  /// are others, or if some overlap there.
  private let onDevices: [Substring: [Segment]]?

  init(_ segments: [Segment]) {
    all = segments
    end = segments.map(\.range.upperBound).max()
    devicesBelow = Set(segments.flatMap(\.target.devicesBelow))
    isSorted = zip(segments, segments.dropFirst()).allSatisfy { $0.range.upperBound <= $1.range.lowerBound }
    onDevices = Self.sortedOnDevices(segments)
  }

  private static func sortedOnDevices(_ segments: [Segment]) -> [Substring: [Segment]]? {
    var result: [Substring: [Segment]] = [:]
    for segment in segments {
      guard case .linear(let leg) = segment.target else { return nil }
      result[leg.device, default: []].append(segment)
    }
    for device in Array(result.keys) {
      result[device]?.sort { offset(of: $0) < offset(of: $1) }
      let sorted = result[device, default: []]
      let isDisjoint = zip(sorted, sorted.dropFirst()).allSatisfy { first, second in
        offset(of: second) - offset(of: first) >= first.range.upperBound - first.range.lowerBound
      }
      guard isDisjoint else { return nil }
    }
    return result
  }

  private static func offset(of segment: Segment) -> UInt64 {
    if case .linear(let leg) = segment.target { leg.offset } else { 0 }
  }

  /// The segments with bytes of a range of the device.
  func overlapping(_ range: Range<UInt64>) -> [Segment].SubSequence {
    guard !range.isEmpty else { return [] }
    guard isSorted else { return all.filter { $0.range.overlaps(range) }[...] }
    let first = all.partitioningIndex { $0.range.upperBound > range.lowerBound }
    return all[first...].prefix { $0.range.lowerBound < range.upperBound }
  }

  /// The segments that may be on a range of a device below.
  func segments(on device: Substring, _ range: Range<UInt64>) -> [Segment].SubSequence {
    guard let sorted = onDevices.map({ $0[device, default: []] }) else { return all[...] }
    // The one before the first that starts in the range may reach into it.
    let next = sorted.partitioningIndex { Self.offset(of: $0) > range.lowerBound }
    return sorted[max(0, next - 1)...].prefix { Self.offset(of: $0) < range.upperBound }
  }
}
