import PrintableText

/// Why a guest could not be booted. The description is one line for the user.
package enum GuestBootError: Error, CustomStringConvertible {
  /// A program, a file or a system resource that is needed is missing, or an option does not fit.
  case missing(String)
  /// nbdkit or qemu ended by itself, with this message.
  case ended(String, String)
  /// `--until` was not seen on the console.
  case notSeen(String)

  package var description: String {
    switch self {
    case .missing(let what): what
    case .ended(let program, let message): "\(program): \(message)"
    case .notSeen(let why): why
    }
  }
}
