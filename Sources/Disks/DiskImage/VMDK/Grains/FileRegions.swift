import Algorithms

/// Regions of a file that hold no grains: headers, descriptors, directories and tables.
struct FileRegions: Sendable {
  /// In bytes, sorted. They neither overlap nor touch.
  private(set) var all: [Range<UInt64>] = []

  init() {}

  /// - Parameter ranges: in any order. They may overlap.
  init(_ ranges: [Range<UInt64>]) {
    for range in ranges.sorted(by: { $0.lowerBound < $1.lowerBound }) where !range.isEmpty {
      if let last = all.last, range.lowerBound <= last.upperBound {
        all[all.count - 1] = last.lowerBound..<max(last.upperBound, range.upperBound)
      } else {
        all.append(range)
      }
    }
  }

  /// Whether `range` overlaps any of the regions.
  func overlap(_ range: Range<UInt64>) -> Bool {
    // In most files, all of them come before the first grain.
    guard let last = all.last, range.lowerBound < last.upperBound else { return false }
    let next = all.partitioningIndex { $0.upperBound > range.lowerBound }
    return next < all.count && all[next].lowerBound < range.upperBound
  }
}
