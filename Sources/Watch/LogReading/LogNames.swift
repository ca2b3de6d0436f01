import BlockMap

/// Gives each object that a log names a number, from 0 in the order in which they appear.
struct LogNames {
  /// Limits of the memory that a log can take: about 3 GiB if it reaches both.
  static let maximumObjects = 8 << 20
  static let maximumBytes = 1 << 30

  private(set) var objects = ObjectTable()
  private var bytes = 0

  /// - Parameters:
  ///   - device, path: not escaped.
  mutating func intern(
    _ kind: ObjectKind, device: UnsafeRawBufferPointer, path: UnsafeRawBufferPointer?
  ) throws(LineProblem) -> ObjectID {
    let before = objects.count
    let id = objects.intern(kind: kind, device: device, path: path)
    return try checked(id, before: before, pathBytes: path?.count ?? 0)
  }

  mutating func intern(_ kind: ObjectKind, device: [UInt8], path: [UInt8]?) throws(LineProblem) -> ObjectID {
    let before = objects.count
    let id = device.withUnsafeBytes { device in
      guard let path else { return objects.intern(kind: kind, device: device, path: nil) }
      return path.withUnsafeBytes { objects.intern(kind: kind, device: device, path: $0) }
    }
    return try checked(id, before: before, pathBytes: path?.count ?? 0)
  }

  private mutating func checked(_ id: ObjectID?, before: Int, pathBytes: Int) throws(LineProblem) -> ObjectID {
    guard let id else { throw LineProblem("a name is longer than a map allows") }
    if objects.count > before {
      bytes += pathBytes
      guard before < Self.maximumObjects, bytes <= Self.maximumBytes else {
        throw LineProblem("the log names more than \(Self.maximumObjects) objects, or more than 1 GiB of names")
      }
    }
    return id
  }
}
