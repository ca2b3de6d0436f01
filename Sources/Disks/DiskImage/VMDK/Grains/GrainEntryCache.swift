import Glibc
import Synchronization

/// A cache of grain table entries. All extents of a disk and its parents, and all threads, share it without a lock.
///
/// The cache is a table of fixed size, in which each grain has one slot. A slot is a 64-bit word that holds an entry
/// and the tag of its grain. It is read and written atomically, so a thread finds either the complete entry or that of
/// another grain. Any entry may be evicted at any time; it is then read again from its file.
final class GrainEntryCache: Sendable {
  /// Safe to share: the pointer never changes, and the memory it points to is atomic. `nil` if memory could not be
  /// allocated.
  private nonisolated(unsafe) let slots: UnsafeMutablePointer<Atomic<UInt64>>?

  private static let mask = UInt64(VMDKLimits.cachedEntries - 1)
  private static let bytes = VMDKLimits.cachedEntries * MemoryLayout<Atomic<UInt64>>.stride
  private static let shift = UInt64(VMDKLimits.cachedEntries.trailingZeroBitCount)

  init() {
    // The memory is zeroed, and is not allocated until it is used: most disks are small.
    let memory = mmap(nil, GrainEntryCache.bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0)
    slots = memory == MAP_FAILED ? nil : memory?.bindMemory(to: Atomic<UInt64>.self, capacity: VMDKLimits.cachedEntries)
  }

  deinit {
    if let slots { munmap(slots, GrainEntryCache.bytes) }
  }

  /// The tag, in the upper 24 bits of the word, distinguishes a grain from the others that share its slot. It is never
  /// 0, the value of an unused slot. It fits in 24 bits, because there are at most `VMDKLimits.grains` grains.
  private static func tag(_ grain: UInt64) -> UInt64 { ((grain >> shift) &+ 1) << GrainState.width }

  /// The cached state of a grain of the disk, or `nil` if it is not cached.
  func state(_ grain: UInt64) -> GrainState? {
    guard let slots else { return nil }
    let word = slots[Int(truncatingIfNeeded: grain & GrainEntryCache.mask)].load(ordering: .relaxed)
    let state = word & (1 << GrainState.width &- 1)
    return word &- state == GrainEntryCache.tag(grain) ? GrainState(bits: state) : nil
  }

  func store(_ state: GrainState, for grain: UInt64) {
    slots?[Int(truncatingIfNeeded: grain & GrainEntryCache.mask)]
      .store(GrainEntryCache.tag(grain) | state.bits, ordering: .relaxed)
  }
}
