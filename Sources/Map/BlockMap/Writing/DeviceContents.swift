/// What a builder says about the objects that were added to it.
extension BlockMapBuilder {
  /// The ranges of everything on a device, but not of the device itself, sorted by disk and start. Takes 32 bytes for
  /// each.
  public func contents(ofDevice name: [UInt8]) -> [MappedRange] {
    let device = objects.number(ofDevice: name)
    return ranges.filter {
      objects.isOnDevice($0.object, number: device) && !objects.kind(of: $0.object).isDevice
    }.sorted { ($0.disk, $0.range.lowerBound) < ($1.disk, $1.range.lowerBound) }
  }

  /// The kind of an object.
  public func kind(of object: ObjectID) -> ObjectKind { objects.kind(of: object) }

  /// Adds an object of another kind with the same device and path. Nil if there are too many objects.
  public mutating func addObject(kind: ObjectKind, like object: ObjectID) -> ObjectID? {
    objects.intern(kind: kind, like: object)
  }
}
