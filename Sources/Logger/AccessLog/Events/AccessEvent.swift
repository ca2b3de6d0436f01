import Glibc

/// One request. The log gets it when it has been answered. The traces of other programs do not know all of it.
public struct AccessEvent: Hashable, Sendable {
  public var operation: Operation
  /// The disk's number in the map, 1 for the first.
  public var disk: UInt8
  /// The server's connection that it came from, in the order in which they were opened, 1 for the first.
  public var connection: UInt32
  /// The requested bytes of the disk.
  public var range: Range<UInt64>
  /// When the request arrived; nil if that is not known.
  public var time: MonotonicTime?
  /// How long it took to answer the request, in nanoseconds; nil if that is not known.
  public var latency: UInt64?
  /// The errno that the client got, or 0 on success; nil if that is not known.
  public var errno: Int32?

  /// Whether the bytes of the range may have changed. This can also be so after an error, unless the error says that
  /// nothing was done.
  var mayHaveWritten: Bool {
    operation.changes && ![ENOTSUP, EROFS, EPERM, EINVAL].contains(errno ?? 0)
  }

  public init(
    operation: Operation, disk: UInt8, connection: UInt32, range: Range<UInt64>, time: MonotonicTime?, latency: UInt64?,
    errno: Int32?
  ) {
    self.operation = operation
    self.disk = disk
    self.connection = connection
    self.range = range
    self.time = time
    self.latency = latency
    self.errno = errno
  }
}
