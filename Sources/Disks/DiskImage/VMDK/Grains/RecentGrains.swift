import Synchronization

/// Memory of one decompressed grain.
final class GrainBytes: Sendable {
  /// Written by the thread that made it, before any other knows of it.
  private nonisolated(unsafe) let room: UnsafeMutableRawBufferPointer

  var count: Int { room.count }

  init(count: Int) { room = .allocate(byteCount: count, alignment: 64) }

  deinit { room.deallocate() }

  /// The memory, which lives as long as the call.
  func withBytes<Result, Failure: Error>(
    _ body: (UnsafeMutableRawBufferPointer) throws(Failure) -> Result
  ) throws(Failure) -> Result {
    defer { withExtendedLifetime(self) {} }
    return try body(room)
  }
}

/// Grains that were decompressed, as far as `VMDKLimits.cachedGrainBytes` goes.
///
/// A grain has one place. A lock of a place is held only while a reference is taken or put, and whoever would have to
/// wait for it does without.
struct RecentGrains: Sendable {
  private final class Place: Sendable {
    let kept = Mutex<(grain: UInt64, bytes: GrainBytes)?>(nil)
  }

  private let places: [Place]

  init() { places = (0..<64).map { _ in Place() } }

  /// The grain of this number among all of the disk and its parents, if it is here.
  /// - Parameter size: of a grain, in bytes.
  func grain(_ number: UInt64, size: Int) -> GrainBytes? {
    let found = place(of: number, size: size).kept.withLockIfAvailable { $0?.grain == number ? $0?.bytes : nil }
    return found ?? nil
  }

  func keep(_ bytes: GrainBytes, for number: UInt64) {
    place(of: number, size: bytes.count).kept.withLockIfAvailable { $0 = (number, bytes) }
  }

  /// Large grains have fewer places, so that the bound holds.
  private func place(of number: UInt64, size: Int) -> Place {
    let count = max(1, min(places.count, VMDKLimits.cachedGrainBytes / max(1, size)))
    return places[Int(truncatingIfNeeded: number % UInt64(count))]
  }
}
