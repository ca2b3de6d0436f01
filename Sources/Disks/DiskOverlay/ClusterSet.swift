import Synchronization

/// The set of clusters that are in the overlay. Any thread may use it.
final class ClusterSet: Sendable {
  private struct State {
    /// One bit for each cluster.
    var words: [UInt64]
    /// The indexes of the words that have changed since they were last taken.
    var changed: Set<Int> = []
  }

  private let state: Mutex<State>

  /// - Parameter words: one bit for each cluster.
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

  /// Whether the first of these clusters is in the set, and how many clusters from there on are in the same state.
  func run(in clusters: Range<Int>) -> (isThere: Bool, count: Int) {
    state.withLock { state in
      let isThere = state.words[clusters.lowerBound / 64] >> UInt64(clusters.lowerBound % 64) & 1 != 0
      var end = clusters.lowerBound + 1
      while end < clusters.upperBound {
        // A set bit is a cluster in the other state. The lowest bit is the cluster `end`.
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

  /// Returns the words that have changed since the last call, with their indexes.
  func takeChanged() -> [(number: Int, word: UInt64)] {
    state.withLock { state in
      let taken = state.changed.sorted().map { ($0, state.words[$0]) }
      state.changed = []
      return taken
    }
  }
}
