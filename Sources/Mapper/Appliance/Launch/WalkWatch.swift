import Glibc
import Synchronization

/// Watches a walk from outside the appliance. Gives up a walker that hangs, and kills the appliance if it does not
/// end that walker.
package final class WalkWatch: Sendable {
  private let isOver = Mutex(false)

  /// The longest silence of a walk: longer than any disk takes for a request, or any tree for a step.
  private static let patience = Duration.seconds(900)
  /// The time to end a walker that was given up. The script in the appliance needs far less.
  private static let grace = Duration.seconds(120)

  package init(_ pump: EventPump) throws(MapperError) {
    try startThread { [weak self] in
      var givenUp: ContinuousClock.Instant?
      while self?.check(pump, &givenUp) ?? false { usleep(500_000) }
    }
  }

  /// Stops watching, because the walker has exited.
  package func stop() { isOver.withLock { $0 = true } }

  /// Returns false if there is nothing left to watch.
  private func check(_ pump: EventPump, _ givenUp: inout ContinuousClock.Instant?) -> Bool {
    // Hold the lock, so that the appliance is not killed after the walk.
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
