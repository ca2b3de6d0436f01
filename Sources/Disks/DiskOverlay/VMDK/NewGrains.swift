import Synchronization

/// The grains that are stored, but not in the tables of the file yet. From any thread.
final class NewGrains: Sendable {
  struct Entry {
    var grain: UInt32
    var entry: UInt32
  }

  /// How many there may be before they are brought into the tables without having been asked to: 512 KiB of them, and
  /// 4 GiB of 64 KiB grains.
  static let most = 1 << 16

  private let entries = Mutex<[Entry]>([])

  /// - Returns: whether there are as many as there may be.
  func add(_ grain: Int, _ entry: UInt32) -> Bool {
    entries.withLock {
      $0.append(Entry(grain: UInt32(truncatingIfNeeded: grain), entry: entry))
      return $0.count >= Self.most
    }
  }

  /// Those since the last time, in order.
  func take() -> [Entry] {
    let taken = entries.withLock { entries in
      defer { entries = [] }
      return entries
    }
    return taken.sorted { $0.grain < $1.grain }
  }
}
