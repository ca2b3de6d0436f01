import CNBDKit
import Glibc
import PrintableText

/// An error with the errno for the NBD client.
public protocol ErrnoError: Error {
  var errnoValue: Int32 { get }
  /// Whether the error has already been reported to the user.
  var isReported: Bool { get }
}

extension ErrnoError {
  public var isReported: Bool { false }
}

/// An error with a message for the user and an errno for the NBD client.
public struct PluginError: ErrnoError, CustomStringConvertible, Sendable {
  /// The errors that the NBD protocol can carry, as errno values.
  public enum Code: Sendable {
    case inputOutput, invalid, noSpace, readOnly, notSupported, shutdown

    var value: Int32 {
      switch self {
      case .inputOutput: EIO
      case .invalid: EINVAL
      case .noSpace: ENOSPC
      case .readOnly: EROFS
      case .notSupported: ENOTSUP
      case .shutdown: ESHUTDOWN
      }
    }
  }

  public var errnoValue: Int32
  public var description: String

  public init(errno code: Code, _ message: String) {
    errnoValue = code.value
    description = message
  }
}

/// Reports an error to the user, on nbdkit's error log.
/// - Returns: the errno for the client.
func report(_ error: any Error) -> Int32 {
  let known = error as? any ErrnoError
  if known?.isReported != true { Log.error(String(describing: error)) }
  return known?.errnoValue ?? EIO
}

/// Messages outside of calls that can throw.
public enum Log {
  /// Always shown: on stderr, or in the system log if nbdkit runs in the background.
  public static func error(_ message: String) { bmap_nbdkit_error(PrintableText.text(message.utf8)) }
}
