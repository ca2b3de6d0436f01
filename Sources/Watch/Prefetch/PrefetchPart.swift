import BlockMap

/// A range of a disk that a boot reads, with the object that it belongs to.
package struct PrefetchPart {
  /// From 1.
  package var disk: Int
  /// In bytes of the disk.
  package var range: Range<UInt64>
  /// Nil if no object covers it.
  package var object: ObjectID?
  /// Where in the object the range begins, in bytes; nil if the log does not say it.
  package var offset: UInt64?

  /// Whether another part goes on where this one ends, on the disk and in the object.
  func isContinued(by next: PrefetchPart) -> Bool {
    guard disk == next.disk, range.upperBound == next.range.lowerBound, object == next.object else { return false }
    return offset.map { $0 &+ (range.upperBound - range.lowerBound) } == next.offset
  }
}
