import Glibc

/// The file or pipe that a log goes to, and what could not be written to it.
struct LogOutput {
  private var target: any LogTarget
  /// The requests lost since the last successful write.
  private(set) var lost: UInt64 = 0
  /// All requests that were lost.
  private(set) var totalLost: UInt64 = 0
  /// Why the last write failed.
  private(set) var reason = ""
  /// Whether the last write failed.
  private(set) var hasFailed = false
  /// Whether the output so far ends in the middle of a line.
  private(set) var endsWithinLine = false

  init(target: any LogTarget) {
    self.target = target
  }

  /// Whether the file was renamed, so that a new one must be written.
  var hasMoved: Bool { target.hasMoved }

  /// Continues in the new file, where no line is open.
  mutating func follow() throws {
    try target.follow()
    endsWithinLine = false
  }

  /// Writes all of `bytes`, which contain `requests` requests. False if this failed and they are lost. Then what was
  /// written of them is removed again if the log is a file, because half a line would be useless to a reader.
  mutating func write(_ bytes: [UInt8], requests: UInt64) -> Bool {
    let descriptor = target.descriptor
    let endedWithinLine = endsWithinLine
    var written = 0
    while written < bytes.count {
      let count = bytes.withUnsafeBytes { bytes in
        bytes.baseAddress.map { Glibc.write(descriptor, $0 + written, bytes.count - written) } ?? 0
      }
      if count > 0 {
        written += count
        endsWithinLine = bytes[written - 1] != 0x0a
      } else if count < 0, errno == EAGAIN {
        Self.waitUntilWritable(descriptor)
      } else if count == 0 || errno != EINTR {
        let failure = errno
        if Self.takeBack(written, descriptor) { endsWithinLine = endedWithinLine }
        reason = count == 0 ? "nothing could be written" : String(cString: strerror(failure))
        lost &+= requests
        totalLost &+= requests
        hasFailed = true
        return false
      }
    }
    lost = 0
    hasFailed = false
    return true
  }

  /// Truncates the last bytes of a file if they are the ones just written.
  private static func takeBack(_ count: Int, _ descriptor: Int32) -> Bool {
    var status = stat()
    guard count > 0, fstat(descriptor, &status) == 0, status.st_mode & S_IFMT == S_IFREG,
      lseek(descriptor, 0, SEEK_CUR) == status.st_size, ftruncate(descriptor, status.st_size - off_t(count)) == 0
    else { return false }
    lseek(descriptor, 0, SEEK_END)
    return true
  }

  /// The descriptor can be shared with a program that made it non-blocking.
  private static func waitUntilWritable(_ descriptor: Int32) {
    var state = pollfd(fd: descriptor, events: Int16(POLLOUT), revents: 0)
    poll(&state, 1, -1)
  }
}
