import Glibc

/// The caller of the program may have closed standard input, output or error. Then the next file to be opened would get
/// that descriptor, and messages would be written to the file.
enum StandardDescriptors {
  /// Call this before anything is opened: opens `/dev/null` for those that are closed.
  static func fill() {
    for number in [STDIN_FILENO, STDOUT_FILENO, STDERR_FILENO] where fcntl(number, F_GETFD) < 0 {
      // This is the lowest free descriptor. It is opened in the wrong direction, so that its use fails as if it were
      // closed.
      _ = open("/dev/null", number == STDIN_FILENO ? O_WRONLY : O_RDONLY)
    }
  }
}
