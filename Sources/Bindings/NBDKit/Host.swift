import CNBDKit

/// Information about the server.
public enum Host {
  /// Whether the plugin may use standard input and output. With `nbdkit -s` it must not: they are the client's
  /// connection.
  public static var standardStreamsAreFree: Bool { nbdkit_stdio_safe() == 1 }

  /// Asks the server to stop, as a signal would.
  public static func shutDown() { nbdkit_shutdown() }
}
