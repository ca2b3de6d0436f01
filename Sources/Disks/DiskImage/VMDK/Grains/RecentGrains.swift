import Synchronization

/// A buffer for one decompressed grain.
final class GrainBytes: Sendable {
  /// Only written by the thread that creates it, before any other thread can see it.
  private nonisolated(unsafe) let room: UnsafeMutableRawBufferPointer

  var count: Int { room.count }

  init(count: Int) { room = .allocate(byteCount: count, alignment: 64) }

  deinit { room.deallocate() }

  /// Calls `body` with the memory, which is valid only during the call.
  func withBytes<Result, Failure: Error>(
    _ body: (UnsafeMutableRawBufferPointer) throws(Failure) -> Result
  ) throws(Failure) -> Result {
    defer { withExtendedLifetime(self) {} }
    return try body(room)
  }
}

/// A cache of decompressed grains, limited to `VMDKLimits.cachedGrainBytes`.
///
/// Each grain has one slot. The lock of a slot is held only while a reference is read or stored. A thread that would
/// have to wait for the lock does without the cache.
struct RecentGrains: Sendable {
  private final class Slot: Sendable {
    let grain = Mutex<(grain: UInt64, bytes: GrainBytes)?>(nil)
  }

  private let slots: [Slot]

  init() { slots = (0..<64).map { _ in Slot() } }

  /// The cached grain, or `nil`.
  /// - Parameters:
  ///   - number: the number of the grain among all grains of the disk and its parents.
  ///   - size: the size of a grain, in bytes.
  func grain(_ number: UInt64, size: Int) -> GrainBytes? {
    let found = slot(of: number, size: size).grain.withLockIfAvailable { $0?.grain == number ? $0?.bytes : nil }
    return found ?? nil
  }

  func keep(_ bytes: GrainBytes, for number: UInt64) {
    slot(of: number, size: bytes.count).grain.withLockIfAvailable { $0 = (number, bytes) }
  }

  /// Large grains use fewer slots, so that the memory stays within the limit.
  private func slot(of number: UInt64, size: Int) -> Slot {
    let count = max(1, min(slots.count, VMDKLimits.cachedGrainBytes / max(1, size)))
    return slots[Int(truncatingIfNeeded: number % UInt64(count))]
  }
}
