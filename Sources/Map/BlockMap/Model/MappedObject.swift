/// Names one object of one map; only the map, builder or index that gave it out understands it.
public struct ObjectID: Hashable, Sendable {
  /// The place of the object in its table, from 0.
  public let rawValue: UInt32

  public init(rawValue: UInt32) { self.rawValue = rawValue }
}

/// An object that occupies ranges of a disk.
public struct MappedObject: Hashable, Sendable {
  public var kind: ObjectKind
  /// The device as libguestfs names it, such as `/dev/sda1`; bytes as they are, not escaped.
  public var device: [UInt8]
  /// The path inside the filesystem on `device`, not escaped; nil for an object that is a device.
  public var path: [UInt8]?

  public init(kind: ObjectKind, device: [UInt8], path: [UInt8]?) {
    self.kind = kind
    self.device = device
    self.path = path
  }
}
