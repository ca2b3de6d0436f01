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

  fileprivate static let numbers = Dictionary(uniqueKeysWithValues: names.map { ($1, $0) })
}

extension AccessEvent {
  /// The errno for a name such as `EIO`, or for `errno 5`. Other names stand for an error that is not known here, and
  /// get EIO.
  package static func errno(named name: UnsafeRawBufferPointer) -> Int32 {
    let text = String(decoding: name.prefix(32), as: UTF8.self)
    if let known = ErrnoName.numbers[text] { return known }
    let number = text.hasPrefix("errno ") ? Int32(text.dropFirst(6)) : nil
    return number.flatMap { (1...4095).contains($0) ? $0 : nil } ?? EIO
  }
}
