/// What a client asks of a disk.
public enum Operation: UInt8, Sendable, CaseIterable {
  case read
  case write
  /// `NBD_CMD_TRIM`: the client no longer needs these bytes.
  case trim
  /// `NBD_CMD_WRITE_ZEROES`.
  case zero
  /// Has no range: everything written must go to stable storage.
  case flush
  /// `NBD_CMD_CACHE`: the client will read these bytes soon.
  case cache

  /// The word for it in the log.
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
