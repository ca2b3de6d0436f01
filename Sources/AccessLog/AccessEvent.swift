/// What a client asked of a disk.
public enum Operation: UInt8, Sendable {
  case read

  /// The word that the log says.
  public var word: String {
    switch self {
    case .read: "read"
    }
  }
}

/// One request, as the log takes it.
public struct AccessEvent: Hashable, Sendable {
  public var operation: Operation
  /// The disk's number in the map; 1 for the first.
  public var disk: UInt8
  /// The bytes asked for.
  public var range: Range<UInt64>

  public init(operation: Operation, disk: UInt8, range: Range<UInt64>) {
    self.operation = operation
    self.disk = disk
    self.range = range
  }
}
