import Glibc
public import SystemPackage

/// Why a disk cannot be opened or read: which file, what is wrong with it, and the errno that says it to a client.
public struct DiskError: Error, CustomStringConvertible, Equatable, Sendable {
  /// The file at fault; for an image of several files, the one of them.
  public let path: FilePath
  /// What is wrong, in one line, without the path.
  public let message: String
  /// What stands for the path in `description`.
  private let name: String
  /// A positive errno value. Damage is `EIO`, a file that is not a usable disk `EINVAL`, a kind of image that
  /// cannot be read yet `ENOTSUP`.
  public let errno: Int32

  /// - Parameter errno: a positive errno value.
  public init(_ path: FilePath, _ message: String, errno: Int32) {
    self.path = path
    self.message = message
    self.errno = errno
    name = printable(path)
  }

  /// The error of a disk that is no file: a path would lose what looks like a superfluous slash in a URI.
  /// - Parameter name: the disk's, any bytes but NUL.
  package init(named name: [UInt8], _ message: String, errno: Int32) {
    path = FilePath(String(decoding: name, as: UTF8.self))
    self.message = message
    self.errno = errno
    self.name = printable(name)
  }

  /// The error that a system call left in `errno`, after what was tried: `cannot open: No such file or directory`.
  init(_ path: FilePath, systemError errno: Int32, _ tried: String) {
    self.init(path, "\(tried): \(Errno(rawValue: errno))", errno: errno)
  }

  /// `PATH: message`, in one line.
  public var description: String { "\(name): \(message)" }
}
