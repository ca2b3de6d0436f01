/// A range of a disk, the object that it belongs to, and its offset in that object.
public struct MappedRange: Hashable, Sendable {
  /// In bytes of the disk.
  public var range: Range<UInt64>
  /// The offset of the range's first byte in the object, in bytes.
  public var objectOffset: UInt64
  public var object: ObjectID
  /// The disk's number, 1 for the first.
  public var disk: UInt32

  public init(disk: UInt32, range: Range<UInt64>, objectOffset: UInt64, object: ObjectID) {
    self.disk = disk
    self.range = range
    self.objectOffset = objectOffset
    self.object = object
  }
}
