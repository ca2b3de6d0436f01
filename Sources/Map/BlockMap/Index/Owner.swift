/// An object that owns a piece of a request.
public struct Owner: Hashable, Sendable {
  public var object: ObjectID
  /// The offset of the start of the piece in the object, in bytes.
  public var offset: UInt64

  public init(object: ObjectID, offset: UInt64) {
    self.object = object
    self.offset = offset
  }
}
