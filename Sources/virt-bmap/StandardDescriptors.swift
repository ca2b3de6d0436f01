import Glibc

/// Standard input, output and error may have been closed by whoever started the program; then the next file opened would
/// get such a number, and messages would be written to it.
enum StandardDescriptors {
  /// Before anything is opened: puts `/dev/null` in place of those that are closed.
  static func fill() {
    for number in [STDIN_FILENO, STDOUT_FILENO, STDERR_FILENO] where fcntl(number, F_GETFD) < 0 {
      // The lowest free number is this one. Open in the wrong direction, so that its use fails as it would have.
      _ = open("/dev/null", number == STDIN_FILENO ? O_WRONLY : O_RDONLY)
    }
  }
}
