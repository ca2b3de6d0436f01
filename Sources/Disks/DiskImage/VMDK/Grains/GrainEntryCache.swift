import Glibc
import Synchronization

/// Grain table entries that were read, shared by all extents of a disk and of its parents and by all threads without a
/// lock.
///
/// A table of fixed size, in which a grain has one place. An entry and the number of its grain are one 64-bit word that
/// is written and read at once, so that a thread finds either the whole entry or another grain's. Any entry may be
/// dropped at any time: it is read again from its file.
final class GrainEntryCache: Sendable {
  /// The pointer never changes and what it points to is atomic, so that sharing it is safe. Nil without memory.
  private nonisolated(unsafe) let slots: UnsafeMutablePointer<Atomic<UInt64>>?

  private static let mask = UInt64(VMDKLimits.cachedEntries - 1)
  private static let bytes = VMDKLimits.cachedEntries * MemoryLayout<Atomic<UInt64>>.stride
  private static let shift = UInt64(VMDKLimits.cachedEntries.trailingZeroBitCount)

  init() {
    // Memory that is zeros until it is used, and takes none until then: most disks are small.
    let memory = mmap(nil, GrainEntryCache.bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0)
    slots = memory == MAP_FAILED ? nil : memory?.bindMemory(to: Atomic<UInt64>.self, capacity: VMDKLimits.cachedEntries)
  }

  deinit {
    if let slots { munmap(slots, GrainEntryCache.bytes) }
  }

  /// What tells a grain from the others of its place, in the upper 24 bits of a word: never 0, which is what an unused
  /// place holds. It fits, because there are no more than `VMDKLimits.grains`.
  private static func tag(_ grain: UInt64) -> UInt64 { ((grain >> shift) &+ 1) << GrainState.width }

  /// What is known of a grain of the disk, nil if it is not here.
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
