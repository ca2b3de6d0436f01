/// Identifies an object. Only the map, builder or index that created it can use it.
public struct ObjectID: Hashable, Sendable {
  /// The index of the object in its table, from 0.
  public let rawValue: UInt32

  public init(rawValue: UInt32) { self.rawValue = rawValue }
}

/// An object that occupies ranges of a disk.
public struct MappedObject: Hashable, Sendable {
  public var kind: ObjectKind
  /// libguestfs's name of the device, such as `/dev/sda1`, not escaped.
  public var device: [UInt8]
  /// The path in the filesystem on `device`, not escaped; nil if the object is a device.
  public var path: [UInt8]?

  public init(kind: ObjectKind, device: [UInt8], path: [UInt8]?) {
    self.kind = kind
    self.device = device
    self.path = path
  }
}
