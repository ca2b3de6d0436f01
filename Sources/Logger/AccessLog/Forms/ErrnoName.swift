import Glibc

/// The names of errors that a disk's client can get.
enum ErrnoName {
  private static let names: [Int32: String] = [
    EPERM: "EPERM", EIO: "EIO", EBADF: "EBADF", ENOMEM: "ENOMEM", EACCES: "EACCES", EINVAL: "EINVAL", EFBIG: "EFBIG",
    ENOSPC: "ENOSPC", EROFS: "EROFS", EOVERFLOW: "EOVERFLOW", ENOTSUP: "ENOTSUP", ETIMEDOUT: "ETIMEDOUT",
    EDQUOT: "EDQUOT", ESHUTDOWN: "ESHUTDOWN",
  ]

  /// `EIO` and so on; `errno 5` for one that has none here.
  static func name(of errno: Int32) -> String { names[errno] ?? "errno \(errno)" }
}
