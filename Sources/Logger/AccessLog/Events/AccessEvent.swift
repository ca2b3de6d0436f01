import Glibc

/// One request, as the log takes it: when it has been answered.
public struct AccessEvent: Hashable, Sendable {
  public var operation: Operation
  /// The disk's number in the map; 1 for the first.
  public var disk: UInt8
  /// Which of the server's connections it came by, in the order of their opening; 1 for the first.
  public var connection: UInt32
  /// The bytes asked for.
  public var range: Range<UInt64>
  /// When it came.
  public var time: MonotonicTime
  /// How long it took until it was answered, in nanoseconds.
  public var latency: UInt64
  /// The errno that the client got; 0 if it got what it asked for.
  public var errno: Int32

  /// Whether the bytes of its range may be others now: also after an error, but for those that say that nothing was done.
  var mayHaveWritten: Bool {
    operation.changes && ![ENOTSUP, EROFS, EPERM, EINVAL].contains(errno)
  }

  public init(
    operation: Operation, disk: UInt8, connection: UInt32, range: Range<UInt64>, time: MonotonicTime, latency: UInt64,
    errno: Int32
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
