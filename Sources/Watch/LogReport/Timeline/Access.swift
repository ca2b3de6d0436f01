import AccessLog
import BlockMap

/// A piece of a request on the timeline, in 32 bytes.
struct Access: Sendable {
  /// `AccessFigures.Moment`.
  var time: UInt64
  /// In bytes of the disk.
  var start: UInt64
  /// In bytes.
  var length: UInt64
  /// The number of the object, or `noObject`.
  private(set) var objectNumber: UInt32
  /// The letter of the kind; 0 if no object covers the piece.
  let kind: UInt8
  /// From 1.
  let disk: UInt8
  let operation: Operation

  private static let noObject = UInt32.max

  init(
    time: UInt64, start: UInt64, length: UInt64, object: ObjectID?, kind: ObjectKind?, disk: UInt8, operation: Operation
  ) {
    (self.time, self.start, self.length, self.disk, self.operation) = (time, start, length, disk, operation)
    objectNumber = object?.rawValue ?? Self.noObject
    self.kind = kind?.rawValue ?? 0
  }

  var object: ObjectID? { objectNumber == Self.noObject ? nil : ObjectID(rawValue: objectNumber) }

  /// The end on the disk. A log has no range that ends beyond 2^64.
  var end: UInt64 { start &+ length }

  /// Extends this access by another one, and keeps its object.
  mutating func join(_ other: Access) {
    let last = max(end, other.end)
    time = min(time, other.time)
    start = min(start, other.start)
    length = last - start
  }
}
