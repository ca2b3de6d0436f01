import Synchronization

/// The grains that are stored, but not yet in the grain tables of the file. Any thread may use it.
final class NewGrains: Sendable {
  struct Entry {
    var grain: UInt32
    var entry: UInt32
  }

  /// How many new grains trigger a flush, even if nobody asked for one. They take 512 KiB of memory, and stand for 4
  /// GiB of 64 KiB grains.
  static let maximum = 1 << 16

  private let entries = Mutex<[Entry]>([])

  /// - Returns: whether the limit has been reached.
  func add(_ grain: Int, _ entry: UInt32) -> Bool {
    entries.withLock {
      $0.append(Entry(grain: UInt32(truncatingIfNeeded: grain), entry: entry))
      return $0.count >= Self.maximum
    }
  }

  /// Returns the grains added since the last call, sorted.
  func take() -> [Entry] {
    let taken = entries.withLock { entries in
      defer { entries = [] }
      return entries
    }
    return taken.sorted { $0.grain < $1.grain }
  }
}
