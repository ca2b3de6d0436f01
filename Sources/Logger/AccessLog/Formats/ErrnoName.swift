import Glibc

/// The names of errors that a disk's client can get.
package enum ErrnoName {
  private static let names: [Int32: String] = [
    EPERM: "EPERM", EIO: "EIO", EBADF: "EBADF", ENOMEM: "ENOMEM", EACCES: "EACCES", EINVAL: "EINVAL", EFBIG: "EFBIG",
    ENOSPC: "ENOSPC", EROFS: "EROFS", EOVERFLOW: "EOVERFLOW", ENOTSUP: "ENOTSUP", ETIMEDOUT: "ETIMEDOUT",
    EDQUOT: "EDQUOT", ESHUTDOWN: "ESHUTDOWN",
  ]

  /// The name, such as `EIO`, or `errno 5` for an error that is not in the list.
  static func name(of errno: Int32) -> String { names[errno] ?? "errno \(errno)" }

  /// The error that a log has under this name; EIO for one that is not known.
  package static func errno(named name: String) -> Int32 {
    names.first { $0.value == name }?.key
      ?? (name.hasPrefix("errno ") ? Int32(name.dropFirst("errno ".count)) : nil) ?? EIO
  }
}
