import Glibc

/// The names of errors that a disk's client can get.
package enum ErrnoName {
  private static let names: [Int32: String] = [
    EPERM: "EPERM", EIO: "EIO", EBADF: "EBADF", ENOMEM: "ENOMEM", EACCES: "EACCES", EINVAL: "EINVAL", EFBIG: "EFBIG",
    ENOSPC: "ENOSPC", EROFS: "EROFS", EOVERFLOW: "EOVERFLOW", ENOTSUP: "ENOTSUP", ETIMEDOUT: "ETIMEDOUT",
    EDQUOT: "EDQUOT", ESHUTDOWN: "ESHUTDOWN",
  ]

  private static let numbers = Dictionary(uniqueKeysWithValues: names.map { ($1, $0) })

  /// The name, such as `EIO`, or `errno 5` for an error that is not in the list.
  static func name(of errno: Int32) -> String { names[errno] ?? "errno \(errno)" }

  /// The errno for a name such as `EIO`, or for `errno 5`. Other names stand for an error that is not known here, and
  /// get EIO.
  package static func errno(named name: String) -> Int32 {
    if let known = numbers[name] { return known }
    let number = name.hasPrefix("errno ") ? Int32(name.dropFirst(6)) : nil
    return number.flatMap { (1...4095).contains($0) ? $0 : nil } ?? EIO
  }
}
