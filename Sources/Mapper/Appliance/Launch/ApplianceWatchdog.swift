import Glibc
import Synchronization

/// Kills an appliance that does not start, or does not answer, so that the call that waits for it fails. The
/// timeout starts when qemu starts, because libguestfs may take minutes to build the appliance before that.
package final class ApplianceWatchdog: Sendable {
  private let isOver = Mutex(false)
  private let ended = Atomic(false)

  /// Whether the watchdog has killed the appliance.
  package var hasEndedAppliance: Bool { ended.load(ordering: .acquiring) }

  package init(patience: Duration) {
    // If the thread cannot be started, the call simply has no timeout.
    try? startThread { [weak self] in
      var start: ContinuousClock.Instant?
      while self?.check(&start, patience) ?? false { usleep(250_000) }
    }
  }

  /// Stops watching, because the call has returned or failed.
  package func stop() { isOver.withLock { $0 = true } }

  /// Returns false if there is nothing left to watch.
  private func check(_ start: inout ContinuousClock.Instant?, _ patience: Duration) -> Bool {
    // Hold the lock, so that the appliance is not killed after the call has returned.
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
