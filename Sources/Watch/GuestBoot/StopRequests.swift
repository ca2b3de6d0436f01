import Glibc
import Synchronization

/// Counts what asks for the end of a guest: Ctrl-C and similar signals, and a key of the live view. The first one shuts
/// the guest down, the second one kills it.
///
/// Two signals in quick succession count as one: timeout(1) signals a program and then its group.
package enum StopRequests {
  private static let counted = Atomic<Int>(0)
  /// When the last one came, in milliseconds on a clock that is never set; 0 if there was none.
  private static let lastTime = Atomic<Int>(0)
  /// The last signal, or 0.
  private static let lastSignal = Atomic<Int32>(0)
  private static let signals = [SIGINT, SIGTERM, SIGHUP, SIGQUIT]
  /// In milliseconds.
  private static let quickSuccession = 300

  package static var count: Int { counted.load(ordering: .acquiring) }

  /// The last signal that came, or nil.
  package static var signal: Int32? {
    let number = lastSignal.load(ordering: .acquiring)
    return number == 0 ? nil : number
  }

  /// From now on, signals are counted instead of ending the program.
  package static func install() {
    for number in signals { Glibc.signal(number) { StopRequests.add(signal: $0) } }
    // A reader of standard output that is gone is an error of a write.
    Glibc.signal(SIGPIPE) { _ in }
  }

  /// From now on, signals end the program at once.
  package static func remove() {
    for number in signals + [SIGPIPE] { Glibc.signal(number, SIG_DFL) }
  }

  /// Asks as Ctrl-C does.
  package static func add() { add(signal: 0) }

  /// Runs as a signal handler: it must not allocate memory or take locks.
  private static func add(signal number: Int32) {
    var time = timespec()
    clock_gettime(CLOCK_MONOTONIC, &time)
    let now = time.tv_sec &* 1000 &+ time.tv_nsec / 1_000_000
    let last = lastTime.exchange(now, ordering: .acquiringAndReleasing)
    if number != 0 { lastSignal.store(number, ordering: .releasing) }
    if last == 0 || now &- last >= quickSuccession { counted.wrappingAdd(1, ordering: .acquiringAndReleasing) }
  }
}
