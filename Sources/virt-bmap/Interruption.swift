import Appliance
import Glibc
import Synchronization

/// Ctrl-C and its like. The first one ends the child processes, so that whatever waits for them fails and everything
/// is put away on the normal way out; one that comes a second later or more ends the program at once. Two in a row are
/// one: timeout(1) signals the program and then its group, and a shell whose terminal is closed passes SIGHUP on.
enum Interruption {
  /// The signal that came, 0 if none did.
  private static let received = Atomic<Int32>(0)
  /// When it came, in milliseconds on a clock that nobody sets; 0 if none did.
  private static let receivedAt = Atomic<Int>(0)
  private nonisolated(unsafe) static var wakeUp: (read: Int32, write: Int32) = (-1, -1)
  private static let signals = [SIGINT, SIGTERM, SIGHUP, SIGQUIT]

  static var hasHappened: Bool { received.load(ordering: .acquiring) != 0 }

  /// Before anything else, in the only thread there is.
  static func install() {
    var ends: [Int32] = [-1, -1]
    guard pipe(&ends) == 0 else { return }
    for end in ends { _ = fcntl(end, F_SETFD, FD_CLOEXEC) }
    wakeUp = (ends[0], ends[1])
    // A handler, not an ignored or blocked signal: those would be inherited by the programs started from here.
    for number in signals {
      signal(number) { number in Interruption.handle(number) }
    }
    signal(SIGPIPE) { _ in }
    var thread = pthread_t()
    pthread_create(
      &thread, nil,
      { _ in
        var byte: UInt8 = 0
        _ = read(Interruption.wakeUp.read, &byte, 1)
        // Again and again, since libguestfs may be about to start the next one.
        while true {
          ChildProcesses.kill()
          usleep(100_000)
        }
      }, nil)
  }

  /// Runs as a signal handler: no allocation, no lock.
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

  /// After everything is put away: ends the program by the signal it got, so that a shell knows.
  static func finish() {
    let number = received.load(ordering: .acquiring)
    guard number != 0 else { return }
    Messages.error("interrupted")
    signal(number, SIG_DFL)
    // The threads that tasks run on have all signals blocked.
    var only = sigset_t()
    sigemptyset(&only)
    sigaddset(&only, number)
    pthread_sigmask(SIG_UNBLOCK, &only, nil)
    raise(number)
  }
}
