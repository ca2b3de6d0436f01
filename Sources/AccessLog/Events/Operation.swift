/// What a client asks of a disk.
public enum Operation: UInt8, Sendable, CaseIterable {
  case read
  /// `NBD_CMD_CACHE`: the client will read these bytes soon.
  case cache

  /// The word that the log says.
  public var word: String {
    switch self {
    case .read: "read"
    case .cache: "cache"
    }
  }
}
