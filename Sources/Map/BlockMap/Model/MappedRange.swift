/// A range of a disk, the object it belongs to, and where in that object it begins.
public struct MappedRange: Hashable, Sendable {
  /// The bytes on the disk.
  public var range: Range<UInt64>
  /// Where in the object the range's first byte lies, in bytes.
  public var objectOffset: UInt64
  public var object: ObjectID
  /// The disk's number; 1 for the first.
  public var disk: UInt32

  public init(disk: UInt32, range: Range<UInt64>, objectOffset: UInt64, object: ObjectID) {
    self.disk = disk
    self.range = range
    self.objectOffset = objectOffset
    self.object = object
  }
}
