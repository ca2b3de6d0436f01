import CLinux
import Glibc
import SystemPackage

/// A program that this process has started, in a process group of its own: Ctrl-C on a terminal does not reach it.
///
/// The program is killed when the thread that started it ends, so this process leaves nothing running even if it is
/// killed.
struct ChildProcess {
  /// How a program ended.
  enum End: Equatable {
    case exited(Int32)
    case killed(Int32)
  }

  let id: pid_t
  private(set) var end: End?

  /// Starts a program.
  /// - Parameters:
  ///   - program: its path, or a name that is looked for in `PATH`.
  ///   - arguments: without its name, and without NULs.
  ///   - descriptors: its standard input, output and error, and more if it needs them. The caller closes them.
  ///   - deathSignal: what it gets when this thread ends.
  init(
    _ program: [UInt8], _ arguments: [[UInt8]], descriptors: [FileDescriptor], deathSignal: Int32
  ) throws(Errno) {
    let numbers = descriptors.map(\.rawValue)
    let words = ([program] + arguments).map { $0.map { CChar(bitPattern: $0) } + [0] }
    var pointers: [UnsafeMutablePointer<CChar>?] = words.map { word in
      let copy = UnsafeMutablePointer<CChar>.allocate(capacity: word.count)
      copy.initialize(from: word, count: word.count)
      return copy
    }
    defer { for pointer in pointers { pointer?.deallocate() } }
    pointers.append(nil)
    let started = clinux_start(pointers[0], &pointers, numbers, Int32(numbers.count), deathSignal)
    guard started > 0 else { throw Errno(rawValue: errno) }
    id = started
  }

  /// Whether the program has ended. Then `end` says how.
  mutating func hasEnded() -> Bool {
    guard end == nil else { return true }
    var status: Int32 = 0
    guard waitpid(id, &status, WNOHANG) == id else { return false }
    setEnd(status)
    return true
  }

  /// Sends a signal to the program and to what it has started.
  func send(_ signal: Int32) {
    guard end == nil else { return }
    Glibc.kill(-id, signal)
  }

  /// Waits until the program has ended, and kills it if it has not after this time.
  mutating func wait(atMost limit: Duration) {
    let deadline = ContinuousClock.now + limit
    while !hasEnded() {
      guard ContinuousClock.now < deadline else { return kill() }
      usleep(10_000)
    }
  }

  /// Kills the program and waits for its end.
  mutating func kill() {
    guard end == nil else { return }
    send(SIGKILL)
    var status: Int32 = 0
    while waitpid(id, &status, 0) < 0 { guard errno == EINTR else { return } }
    setEnd(status)
  }

  /// See wait(2): the low seven bits are the signal, and the byte above them is the exit status.
  private mutating func setEnd(_ status: Int32) {
    let signal = status & 0x7f
    end = signal == 0 ? .exited(status >> 8 & 0xff) : .killed(signal)
  }
}
