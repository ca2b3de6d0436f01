/// An object with bytes at a piece of a request.
public struct Owner: Hashable, Sendable {
  public var object: ObjectID
  /// Where in the object the piece begins, in bytes.
  public var offset: UInt64
}
