import AccessLog
import BlockMap

/// Whether a request reads or changes bytes.
enum Direction: Hashable {
  case read
  case write

  /// - Returns: nil for requests that do neither.
  init?(_ operation: Operation) {
    switch operation {
    case .read: self = .read
    case .write, .zero, .trim: self = .write
    case .flush, .cache: return nil
    }
  }
}

extension AccessPair {
  subscript(direction: Direction) -> AccessCounts {
    get { direction == .read ? reads : writes }
    _modify {
      if direction == .read { yield &reads } else { yield &writes }
    }
  }
}

/// Which sectors of each disk were read, and which were written. A range that a set cannot take counts as not accessed
/// before.
struct TouchedSectors: Sendable {
  private var read: [Int: SectorSet] = [:]
  private var written: [Int: SectorSet] = [:]

  /// How many bytes of a range have not been accessed yet.
  func untouched(_ range: Range<UInt64>, of disk: Int, _ direction: Direction?) -> UInt64 {
    guard let direction, !range.isEmpty else { return 0 }
    guard SectorSet.canTake(range), let set = direction == .read ? read[disk] : written[disk] else {
      return range.upperBound - range.lowerBound
    }
    var count: UInt64 = 0
    var start = range.lowerBound
    while start < range.upperBound {
      let run = set.run(in: start..<range.upperBound)
      if !run.contains { count += run.end - start }
      start = run.end
    }
    return count
  }

  mutating func insert(_ range: Range<UInt64>, of disk: Int, _ direction: Direction?) {
    guard SectorSet.canTake(range) else { return }
    switch direction {
    case .read: read[disk, default: SectorSet()].insert(range)
    case .write: written[disk, default: SectorSet()].insert(range)
    case nil: break
    }
  }
}

/// Where the last request for each disk and each object ended.
struct SequentialEnds: Sendable {
  private struct Stream: Hashable, Sendable {
    var disk: Int
    var direction: Direction
  }

  private var disks: [Stream: UInt64] = [:]
  /// By the number of the object: where the last read and the last write ended, and on which disk.
  private var objects: [UInt64] = []

  /// Whether a request begins where the last one for its disk ended.
  mutating func continues(_ range: Range<UInt64>, of disk: Int, _ direction: Direction) -> Bool {
    let stream = Stream(disk: disk, direction: direction)
    let isSequential = disks[stream] == range.lowerBound
    disks[stream] = range.upperBound
    return isSequential
  }

  /// Whether a piece begins where the last one of its object ended.
  mutating func continues(
    _ range: Range<UInt64>, _ object: ObjectID?, of disk: Int, _ direction: Direction
  ) -> Bool {
    guard let object else { return false }
    let index = 2 * Int(object.rawValue) + (direction == .read ? 0 : 1)
    if index >= objects.count { objects += Array(repeating: .max, count: index + 2 - objects.count) }
    let isSequential = objects[index] == range.lowerBound
    objects[index] = range.upperBound
    return isSequential
  }
}
