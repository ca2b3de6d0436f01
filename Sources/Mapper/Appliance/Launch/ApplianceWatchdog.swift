import Glibc
import Synchronization

/// Ends an appliance that does not come up, or does not answer, so that the call that waits for it fails. The time runs from
/// when qemu is there: before that, libguestfs may take minutes to build the appliance.
package final class ApplianceWatchdog: Sendable {
  private let isOver = Mutex(false)
  private let ended = Atomic(false)

  /// Whether it has ended the appliance.
  package var hasEndedAppliance: Bool { ended.load(ordering: .acquiring) }

  package init(patience: Duration) {
    // Without it, the call has no end that it would not find by itself.
    try? startThread { [weak self] in
      var start: ContinuousClock.Instant?
      while self?.check(&start, patience) ?? false { usleep(250_000) }
    }
  }

  /// The call has come to its end, one way or the other.
  package func stop() { isOver.withLock { $0 = true } }

  /// False: there is nothing left to watch.
  private func check(_ start: inout ContinuousClock.Instant?, _ patience: Duration) -> Bool {
    // With the lock held, so that no appliance is ended after it was found to be up.
    isOver.withLock { isOver in
      guard !isOver else { return false }
      if start == nil, ChildProcesses.haveAppliance { start = .now }
      guard let start, ContinuousClock.now - start > patience else { return true }
      ended.store(true, ordering: .releasing)
      ChildProcesses.killAppliances()
      return false
    }
  }
}
