import BlockStack
import Bytes

/// Units of a filesystem, such as clusters, that have something in common: runs of them that follow one another.
struct UnitRuns {
  /// The offset of the first unit on the device, and the size of a unit, in bytes.
  private let start: UInt64
  private let unit: UInt64
  private var runs: [Range<UInt64>] = []

  init(start: UInt64, unit: UInt64) { (self.start, self.unit) = (start, unit) }

  /// Adds a unit that comes after all that were added before. Throws if a map has no room for so many runs.
  mutating func add(_ number: UInt64) throws(SpaceError) { try add(number, count: 1) }

  /// The same for units that follow one another.
  mutating func add(_ number: UInt64, count: UInt64) throws(SpaceError) {
    if let last = runs.last, last.upperBound == number {
      runs[runs.count - 1] = last.lowerBound..<number &+ count
    } else {
      guard runs.count < DeviceTable.maximumLocations else { throw .tooManyPieces }
      runs.append(number..<number &+ count)
    }
  }

  /// The runs, in bytes of the device.
  var ranges: [Range<UInt64>] {
    runs.compactMap { run in
      guard let from = run.lowerBound.times(unit)?.plus(start), let to = run.upperBound.times(unit)?.plus(start) else {
        return nil
      }
      return from..<to
    }
  }
}

extension DeviceBytes {
  /// Reads a range in pieces of at most 1 MiB, and calls `body` with each.
  func read(_ range: Range<UInt64>, _ body: ([UInt8]) throws -> Void) throws {
    var offset = range.lowerBound
    while offset < range.upperBound {
      let count = Swift.min(range.upperBound - offset, 1 << 20)
      try body(try bytes(at: offset, count: Int(count)))
      offset += count
    }
  }
}
