import Glibc

/// Lines for the user.
enum Messages {
  /// `virt-bmap: …` on standard error.
  static func error(_ text: String) { write("virt-bmap: \(text)\n", to: 2) }

  /// One write, so that lines of several threads do not mix.
  static func write(_ text: String, to descriptor: Int32) { write(Array(text.utf8), to: descriptor) }

  /// The same for names, which need not be text.
  ///
  /// False with errno set: not all could be written.
  @discardableResult
  static func write(_ bytes: [UInt8], to descriptor: Int32) -> Bool {
    var start = 0
    while start < bytes.count {
      let count = bytes[start...].withUnsafeBytes { Glibc.write(descriptor, $0.baseAddress, $0.count) }
      guard count > 0 || errno == EINTR else { return false }
      start += max(0, count)
    }
    return true
  }
}
