/// What the mapper tells the recorder, a byte each on its standard input.
public enum RecorderControl: UInt8, Sendable {
  /// Records are taken: a walk is about to begin.
  case takeRecords = 0x31
  /// A write of records is an error until then: the walker has sent what cannot be right.
  case refuseRecords = 0x30
}

/// The recorder's answer to a read of the channel disk: whether the walker is to be ended.
public enum Verdict {
  public static let size = 4096
  /// Where on the channel disk the answer is read, in bytes.
  public static let position: UInt64 = 2 << 20
  /// What the answer begins with if it is.
  public static let stop = Array("stop".utf8)
}
