import Glibc
import SystemPackage

/// A program that a test runs.
struct Child {
  enum End: Equatable {
    case exited(Int32)
    case killed(Int32)
  }

  private let id: pid_t

  /// Starts a program, found in PATH, with its standard output redirected to the file `output`.
  init(_ arguments: [String], output: FilePath) throws {
    var actions = posix_spawn_file_actions_t()
    posix_spawn_file_actions_init(&actions)
    defer { posix_spawn_file_actions_destroy(&actions) }
    _ = output.withPlatformString {
      posix_spawn_file_actions_addopen(&actions, 1, $0, O_WRONLY | O_CREAT | O_TRUNC, 0o644)
    }
    var id = pid_t()
    var words: [UnsafeMutablePointer<CChar>?] = arguments.map { strdup($0) } + [nil]
    defer { for word in words { free(word) } }
    let status = posix_spawnp(&id, arguments[0], &actions, nil, &words, environ)
    guard status == 0 else { throw Errno(rawValue: status) }
    self.id = id
  }

  /// Kills the program with SIGKILL.
  func kill() throws {
    guard Glibc.kill(id, SIGKILL) == 0 else { throw Errno(rawValue: errno) }
  }

  func wait() throws -> End {
    var status: Int32 = 0
    while waitpid(id, &status, 0) < 0 {
      guard errno == EINTR else { throw Errno(rawValue: errno) }
    }
    let signal = status & 0x7f
    return signal == 0 ? .exited(status >> 8 & 0xff) : .killed(signal)
  }
}
