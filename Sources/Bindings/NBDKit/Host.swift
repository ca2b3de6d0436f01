import CNBDKit

/// What the server says of itself.
public enum Host {
  /// Whether the plugin may use standard input and output: not with `nbdkit -s`, where they are the client.
  public static var standardStreamsAreFree: Bool { nbdkit_stdio_safe() == 1 }

  /// Asks the server to stop, as a signal would.
  public static func shutDown() { nbdkit_shutdown() }
}
