import Appliance
import Glibc
import Synchronization

/// Handles Ctrl-C and similar signals. The first signal kills the child processes, so that everything that waits for
/// them fails and the normal cleanup runs. A signal that comes at least one second later ends the program at once. Two
/// signals in quick succession count as one: timeout(1) signals the program and then its group, and a shell passes
/// SIGHUP on when its terminal is closed.
enum Interruption {
  /// The signal that was received, or 0.
  private static let received = Atomic<Int32>(0)
  /// When the signal was received, in milliseconds on a clock that is never set; 0 if there was none.
  private static let receivedAt = Atomic<Int>(0)
  private nonisolated(unsafe) static var wakeUp: (read: Int32, write: Int32) = (-1, -1)
  private static let signals = [SIGINT, SIGTERM, SIGHUP, SIGQUIT]

  static var hasHappened: Bool { received.load(ordering: .acquiring) != 0 }

  /// Call this first of all, while there is only one thread. It can be called again after `finishAndRemove`.
  static func install() {
    guard wakeUp.read < 0 else { return setHandlers() }
    var ends: [Int32] = [-1, -1]
    guard pipe(&ends) == 0 else { return }
    for end in ends { _ = fcntl(end, F_SETFD, FD_CLOEXEC) }
    wakeUp = (ends[0], ends[1])
    setHandlers()
    var thread = pthread_t()
    pthread_create(
      &thread, nil,
      { _ in
        var byte: UInt8 = 0
        _ = read(Interruption.wakeUp.read, &byte, 1)
        // Repeat this, because libguestfs may be about to start another process.
        while true {
          ChildProcesses.kill()
          usleep(100_000)
        }
      }, nil)
  }

  /// The signals are handled, and not ignored or blocked: child processes would inherit that.
  private static func setHandlers() {
    for number in signals {
      signal(number) { number in Interruption.handle(number) }
    }
    signal(SIGPIPE) { _ in }
  }

  /// Runs as a signal handler: it must not allocate memory or take locks.
  private static func handle(_ number: Int32) {
    var time = timespec()
    clock_gettime(CLOCK_MONOTONIC, &time)
    let now = time.tv_sec &* 1000 &+ time.tv_nsec / 1_000_000
    let (isFirst, before) = receivedAt.compareExchange(expected: 0, desired: now, ordering: .acquiringAndReleasing)
    guard isFirst else {
      if now &- before >= 1000 { _exit(128 + number) }
      return
    }
    received.store(number, ordering: .releasing)
    var byte: UInt8 = 1
    write(wakeUp.write, &byte, 1)
  }

  /// After the cleanup, ends the program with the signal that it received; without one, signals end it at once again.
  static func finishAndRemove() {
    finish()
    for number in signals + [SIGPIPE] { signal(number, SIG_DFL) }
  }

  /// After the cleanup, ends the program with the signal that it received, so that a shell knows.
  static func finish() {
    let number = received.load(ordering: .acquiring)
    guard number != 0 else { return }
    Messages.error("interrupted")
    EndBySignal.end(number)
  }
}
