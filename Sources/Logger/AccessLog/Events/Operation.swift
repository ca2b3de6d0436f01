/// What a client asks of a disk.
public enum Operation: UInt8, Sendable, CaseIterable {
  case read
  case write
  /// `NBD_CMD_TRIM`: the client does not need these bytes any more.
  case trim
  /// `NBD_CMD_WRITE_ZEROES`.
  case zero
  /// Of no range: what was written is to be on stable storage.
  case flush
  /// `NBD_CMD_CACHE`: the client will read these bytes soon.
  case cache

  /// The word that the log says.
  public var word: String {
    switch self {
    case .read: "read"
    case .write: "write"
    case .trim: "trim"
    case .zero: "zero"
    case .flush: "flush"
    case .cache: "cache"
    }
  }

  /// Whether it changes the bytes of its range.
  var changes: Bool {
    switch self {
    case .write, .trim, .zero: true
    case .read, .flush, .cache: false
    }
  }
}
