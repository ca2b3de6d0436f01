import Bytes

/// What a filesystem allocates at once: a block, or a cluster.
package struct AllocationUnits: Equatable {
  /// What the map calls units that are in use although nothing in the filesystem refers to them.
  package let nameOfLost: String
  /// The part of the device that consists of units, in bytes. The last one may be cut short.
  package let range: Range<UInt64>
  /// The size of a unit, in bytes; at least 1.
  package let size: UInt64

  /// - Parameters:
  ///   - start: the offset of the first unit on the device, in bytes.
  ///   - end: the end of the last one.
  /// - Returns: nil for numbers that cannot be right.
  package init?(nameOfLost: String, start: UInt64 = 0, end: UInt64?, size: UInt64) {
    guard let end, start <= end, size > 0 else { return nil }
    (self.nameOfLost, self.range, self.size) = (nameOfLost, start..<end, size)
  }

  /// Whether a unit begins or ends at an offset on the device.
  package func isBorder(_ offset: UInt64) -> Bool { border(atOrBefore: offset) == offset }

  /// The last border of two units at or before an offset, which is clamped to `range`.
  package func border(atOrBefore offset: UInt64) -> UInt64 {
    guard offset < range.upperBound else { return range.upperBound }
    let offset = max(offset, range.lowerBound)
    return offset - (offset - range.lowerBound) % size
  }

  /// The first border of two units at or behind an offset, which is clamped to `range`.
  package func border(atOrBehind offset: UInt64) -> UInt64 {
    let before = border(atOrBefore: offset)
    return before >= offset ? before : min(before.plus(size) ?? .max, range.upperBound)
  }
}
