import DiskImage
import Glibc
import Synchronization
import SystemPackage

/// The entries of all grain tables, in memory. They take 4 bytes for each grain of the disk, which is 128 MiB for 2 TiB
/// of 64 KiB grains, but only the pages in which an entry has been set use memory.
///
/// Any thread may read and change entries without a lock. A thread that sees an entry also sees everything that was
/// written to the file before the entry was set.
final class GrainEntries: Sendable {
  /// The values of an entry that are not the number of the first sector of the grain.
  static let absent: UInt32 = 0
  static let zeroed: UInt32 = 1

  let count: Int
  /// Safe to share: the pointer never changes, and the memory it points to is atomic.
  private nonisolated(unsafe) let entries: UnsafeMutablePointer<Atomic<UInt32>>

  private var bytes: Int { count * MemoryLayout<Atomic<UInt32>>.stride }

  /// - Parameter path: the path of the overlay, for the error message.
  init(count: Int, path: FilePath) throws(DiskError) {
    // An empty disk has no grains, but mmap does not accept a length of 0.
    let count = max(count, 1)
    self.count = count
    // The memory is zeroed, and is not allocated until it is written.
    let memory = mmap(
      nil, count * MemoryLayout<Atomic<UInt32>>.stride, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0)
    guard memory != MAP_FAILED, let memory else { throw StoredFile.failure(path, "no memory for the grain tables") }
    entries = memory.bindMemory(to: Atomic<UInt32>.self, capacity: count)
  }

  deinit { munmap(entries, bytes) }

  /// - Parameter grain: less than `count`.
  subscript(grain: Int) -> UInt32 {
    get { entries[grain].load(ordering: .acquiring) }
    set { entries[grain].store(newValue, ordering: .releasing) }
  }

  /// The entry of the first of these grains, and how many grains from there on are in the same state and, if they are
  /// stored, contiguous in the file.
  /// - Parameters:
  ///   - grains: not empty, within 0..<`count`.
  ///   - step: the grain size in sectors.
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
