import Synchronization

/// Which clusters are in the overlay. From any thread.
final class ClusterSet: Sendable {
  private struct State {
    /// A bit a cluster.
    var words: [UInt64]
    /// The words that have changed since they were last taken.
    var changed: Set<Int> = []
  }

  private let state: Mutex<State>

  /// - Parameter words: a bit a cluster.
  init(words: [UInt64]) {
    state = Mutex(State(words: words))
  }

  func contains(_ cluster: Int) -> Bool {
    state.withLock { $0.words[cluster / 64] >> UInt64(cluster % 64) & 1 != 0 }
  }

  func insert(_ cluster: Int) {
    state.withLock {
      $0.words[cluster / 64] |= 1 << UInt64(cluster % 64)
      $0.changed.insert(cluster / 64)
    }
  }

  /// Whether the first of these clusters is there, and how many from it on are like it.
  func run(in clusters: Range<Int>) -> (isThere: Bool, count: Int) {
    state.withLock { state in
      let isThere = state.words[clusters.lowerBound / 64] >> UInt64(clusters.lowerBound % 64) & 1 != 0
      var end = clusters.lowerBound + 1
      while end < clusters.upperBound {
        // What differs, from this cluster on.
        let others = (isThere ? ~state.words[end / 64] : state.words[end / 64]) >> UInt64(end % 64)
        if others != 0 {
          end += others.trailingZeroBitCount
          break
        }
        end += 64 - end % 64
      }
      return (isThere, min(end, clusters.upperBound) - clusters.lowerBound)
    }
  }

  /// The words that have changed since the last time, and their numbers.
  func takeChanged() -> [(number: Int, word: UInt64)] {
    state.withLock { state in
      let taken = state.changed.sorted().map { ($0, state.words[$0]) }
      state.changed = []
      return taken
    }
  }
}
