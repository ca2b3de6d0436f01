/// Where a log goes. Called only by the log's writer.
public protocol LogTarget: Sendable {
  /// The descriptor to write to. It stays open while the log is written; only `follow` changes it.
  var descriptor: Int32 { get }
  /// Whether the log must continue in another file because its file was renamed.
  var hasMoved: Bool { get }

  /// Opens the new file and closes the old one.
  /// - Throws: why this is not possible; the log then stays in the old file.
  mutating func follow() throws
}

/// A descriptor that belongs to somebody else and never changes, such as standard output.
public struct FixedTarget: LogTarget {
  public let descriptor: Int32
  public var hasMoved: Bool { false }

  public init(descriptor: Int32) {
    self.descriptor = descriptor
  }

  public mutating func follow() {}
}
