/// Where a log goes. Called by the log's writer alone.
public protocol LogTarget: Sendable {
  /// What is written to. It remains open as long as the log is written, but for `follow`.
  var descriptor: Int32 { get }
  /// Whether the log is to go to another file from now on, because its file was renamed.
  var hasMoved: Bool { get }

  /// Opens that other file, and closes this one.
  /// - Throws: the reason why it cannot; the log stays where it is.
  mutating func follow() throws
}

/// A descriptor of somebody else's that is what it is, such as standard output.
public struct FixedTarget: LogTarget {
  public let descriptor: Int32
  public var hasMoved: Bool { false }

  public init(descriptor: Int32) {
    self.descriptor = descriptor
  }

  public mutating func follow() {}
}
