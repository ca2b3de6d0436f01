/// What the mapper sends to the recorder on its standard input, one byte each.
public enum RecorderControl: UInt8, Sendable {
  /// Accept records: a walk is about to start.
  case takeRecords = 0x31
  /// Reject records until the next `takeRecords`: the walker has sent something that cannot be right.
  case refuseRecords = 0x30
}

/// The recorder's answer to a read of the channel disk: whether the walker must be killed.
public enum Verdict {
  public static let size = 4096
  /// Offset of the answer on the channel disk, in bytes.
  public static let position: UInt64 = 2 << 20
  /// What the answer starts with if so; otherwise it is zeros.
  public static let stop = Array("stop".utf8)
}
