import DiskImage
import Glibc
import Synchronization
import SystemPackage

/// The grain tables' entries, all of them in memory: 4 bytes for each grain of the disk, which is 128 MiB for 2 TiB of
/// 64 KiB grains; of it no more takes room than where an entry was ever set, by pages of the system.
///
/// Read and changed by any thread without a lock. Who sees an entry sees in the file what was written before it was set.
final class GrainEntries: Sendable {
  /// What an entry says that is not the sector at which the grain begins.
  static let absent: UInt32 = 0
  static let zeroed: UInt32 = 1

  let count: Int
  /// The pointer never changes and what it points to is atomic, so that sharing it is safe.
  private nonisolated(unsafe) let entries: UnsafeMutablePointer<Atomic<UInt32>>

  private var bytes: Int { count * MemoryLayout<Atomic<UInt32>>.stride }

  /// - Parameter path: the overlay's, for the message.
  init(count: Int, path: FilePath) throws(DiskError) {
    // No disk, no grains, and memory of no bytes there is not.
    let count = max(count, 1)
    self.count = count
    // Memory that is zeros, and takes none until something is put there.
    let memory = mmap(
      nil, count * MemoryLayout<Atomic<UInt32>>.stride, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0)
    guard memory != MAP_FAILED, let memory else { throw StoredFile.failure(path, "no memory for the grain tables") }
    entries = memory.bindMemory(to: Atomic<UInt32>.self, capacity: count)
  }

  deinit { munmap(entries, bytes) }

  /// - Parameter grain: below `count`.
  subscript(grain: Int) -> UInt32 {
    get { entries[grain].load(ordering: .acquiring) }
    set { entries[grain].store(newValue, ordering: .releasing) }
  }

  /// The entry of the first of these grains, and how many from it on are kept as it is: in one piece of the file, where
  /// they are stored.
  /// - Parameters:
  ///   - grains: not empty, none of them at or beyond `count`.
  ///   - step: sectors of a grain.
  func run(in grains: Range<Int>, step: UInt32) -> (entry: UInt32, count: Int) {
    let entry = self[grains.lowerBound]
    let step = entry > Self.zeroed ? step : 0
    var next = grains.lowerBound + 1
    var expected = entry &+ step
    while next < grains.upperBound, self[next] == expected, expected >= entry {
      next += 1
      expected &+= step
    }
    return (entry, next - grains.lowerBound)
  }
}
