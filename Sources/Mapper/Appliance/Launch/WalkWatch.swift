import Glibc
import Synchronization

/// Watches a walk from outside of the appliance: a walker that hangs is given up, and an appliance that does not end a
/// walker that was given up is ended itself.
package final class WalkWatch: Sendable {
  private let isOver = Mutex(false)

  /// Longer than any disk takes for one request, and any tree for one step.
  private static let patience = Duration.seconds(900)
  /// The script in the appliance takes far less to end a walker.
  private static let grace = Duration.seconds(120)

  package init(_ pump: EventPump) throws(MapperError) {
    try startThread { [weak self] in
      var givenUp: ContinuousClock.Instant?
      while self?.check(pump, &givenUp) ?? false { usleep(500_000) }
    }
  }

  /// The walker has ended.
  package func stop() { isOver.withLock { $0 = true } }

  /// False: there is nothing left to watch.
  private func check(_ pump: EventPump, _ givenUp: inout ContinuousClock.Instant?) -> Bool {
    // With the lock held, so that no appliance is ended after the walk.
    isOver.withLock { isOver in
      guard !isOver else { return false }
      guard pump.checkSilence(Self.patience) else { return true }
      let start = givenUp ?? .now
      givenUp = start
      guard ContinuousClock.now - start > Self.grace else { return true }
      ChildProcesses.killAppliances()
      return false
    }
  }
}
