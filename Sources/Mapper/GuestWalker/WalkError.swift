import Glibc

/// What ends a walk: the channel or the mount point fails. A file that cannot be read does not.
public struct WalkError: Error, CustomStringConvertible {
  public let description: String

  init(_ what: String) { description = what }

  /// `what` failed with the present errno.
  static func system(_ what: String) -> WalkError {
    WalkError("\(what): \(String(cString: strerror(errno)))")
  }
}
