import Glibc

/// An error that ends a walk: the channel or the mount point failed. A file that cannot be read does not end it.
public struct WalkError: Error, CustomStringConvertible {
  public let description: String

  init(_ what: String) { description = what }

  /// An error with the message for the current errno.
  static func system(_ what: String) -> WalkError {
    WalkError("\(what): \(String(cString: strerror(errno)))")
  }
}
