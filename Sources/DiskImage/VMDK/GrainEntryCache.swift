import Synchronization

/// Grain table entries that were read, shared by all extents of a disk and by all threads without a lock.
///
/// A table of fixed size, in which a grain has one place. An entry and the number of its grain are one 64-bit word that
/// is written and read at once, so that a thread finds either the whole entry or another grain's. Any entry may be
/// dropped at any time: it is read again from its file.
final class GrainEntryCache: Sendable {
  /// The pointer never changes and what it points to is atomic, so that sharing it is safe.
  private nonisolated(unsafe) let slots: UnsafeMutablePointer<Atomic<UInt64>>
  private let count: Int
  private let shift: UInt64

  /// - Parameter grains: how many grains the disk has: the cache is not larger than that takes, nor than
  ///   `VMDKLimits.cachedEntries`.
  init(grains: UInt64) {
    var count = 512
    while count < VMDKLimits.cachedEntries, UInt64(count) < grains { count *= 2 }
    self.count = count
    shift = UInt64(count.trailingZeroBitCount)
    slots = .allocate(capacity: count)
    for slot in 0..<count { (slots + slot).initialize(to: Atomic(0)) }
  }

  deinit {
    slots.deinitialize(count: count)
    slots.deallocate()
  }

  /// What tells a grain from the others of its place, in the upper half of a word: never 0, which is what an unused
  /// place holds. It fits, because a disk has no more than 2^33 grains: `VMDKLimits.directoryBytes` has room for 2^24
  /// tables of at most 512.
  private func tag(_ grain: UInt64) -> UInt64 { ((grain >> shift) &+ 1) << 32 }

  /// The entry of a grain of the disk, nil if it is not here.
  func entry(_ grain: UInt64) -> UInt32? {
    let word = slots[Int(truncatingIfNeeded: grain) & (count - 1)].load(ordering: .relaxed)
    return word & ~0xffff_ffff == tag(grain) ? UInt32(truncatingIfNeeded: word) : nil
  }

  func store(_ entry: UInt32, for grain: UInt64) {
    slots[Int(truncatingIfNeeded: grain) & (count - 1)].store(tag(grain) | UInt64(entry), ordering: .relaxed)
  }
}
