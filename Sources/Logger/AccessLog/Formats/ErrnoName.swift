import Glibc

/// The names of errors that a disk's client can get.
enum ErrnoName {
  private static let names: [Int32: String] = [
    EPERM: "EPERM", EIO: "EIO", EBADF: "EBADF", ENOMEM: "ENOMEM", EACCES: "EACCES", EINVAL: "EINVAL", EFBIG: "EFBIG",
    ENOSPC: "ENOSPC", EROFS: "EROFS", EOVERFLOW: "EOVERFLOW", ENOTSUP: "ENOTSUP", ETIMEDOUT: "ETIMEDOUT",
    EDQUOT: "EDQUOT", ESHUTDOWN: "ESHUTDOWN",
  ]

  /// The name, such as `EIO`, or `errno 5` for an error that is not in the list.
  static func name(of errno: Int32) -> String { names[errno] ?? "errno \(errno)" }
}
