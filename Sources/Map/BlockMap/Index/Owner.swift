/// An object with bytes at a piece of a request.
public struct Owner: Hashable, Sendable {
  public var object: ObjectID
  /// Of its kind: `ObjectKind.specificity`.
  public var specificity: UInt8
  /// Where in the object the piece begins, in bytes.
  public var offset: UInt64
  /// How long the range of a device is, in bytes; 0 for what is no device: `ObjectKind.isDevice`.
  public var deviceLength: UInt64
}

extension Owner {
  /// What a range of a map says of a byte in it.
  init(_ mapped: MappedRange, _ kind: ObjectKind, at byte: UInt64) {
    object = mapped.object
    specificity = kind.specificity
    offset = mapped.objectOffset &+ (byte &- mapped.range.lowerBound)
    deviceLength = kind.isDevice ? mapped.range.upperBound &- mapped.range.lowerBound : 0
  }
}
