import Glibc
public import SystemPackage

/// An error from opening or reading a disk: the file, the reason, and the errno to report to a client.
public struct DiskError: Error, CustomStringConvertible, Equatable, Sendable {
  /// The file at fault. If the image consists of several files, this is the one in error.
  public let path: FilePath
  /// The reason, on one line, without the path.
  public let message: String
  /// How `description` shows the path.
  private let name: String
  /// A positive errno value: `EIO` if the image is damaged, `EINVAL` if the file is not a usable disk, `ENOTSUP` if
  /// this kind of image is not supported.
  public let errno: Int32

  /// - Parameter errno: a positive errno value.
  public init(_ path: FilePath, _ message: String, errno: Int32) {
    self.path = path
    self.message = message
    self.errno = errno
    name = printable(path)
  }

  /// An error for a disk that is not a file. A URI cannot be stored as a path, because `FilePath` removes repeated
  /// slashes.
  /// - Parameter name: the name of the disk. It may contain any bytes except NUL.
  package init(named name: [UInt8], _ message: String, errno: Int32) {
    path = FilePath(String(decoding: name, as: UTF8.self))
    self.message = message
    self.errno = errno
    self.name = printable(name)
  }

  /// An error from a failed system call. The message says what was tried and why it failed: `cannot open: No such file
  /// or directory`.
  init(_ path: FilePath, systemError errno: Int32, _ tried: String) {
    self.init(path, "\(tried): \(Errno(rawValue: errno))", errno: errno)
  }

  /// `PATH: message`, on one line.
  public var description: String { "\(name): \(message)" }
}
