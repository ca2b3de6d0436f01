import DiskImage
import Glibc
import Synchronization
import SystemPackage

/// Allocates grains in the file of the overlay, which grows at its end. Any thread may use it.
final class GrainRoom: Sendable {
  private struct State {
    /// The sector of the next new grain.
    var next: UInt64
    /// The length of the file in bytes. It reaches at least to `next`.
    var length: UInt64
    /// The sectors of grains that were allocated but not used.
    var released: [UInt32] = []
  }

  /// How many grains the file grows by at a time, because each change of its length has a cost in the filesystem.
  private static let step: UInt64 = 256
  private static let sector: UInt64 = 512

  private let grainBytes: UInt64
  private let state: Mutex<State>

  /// - Parameter next: the sector of the next new grain.
  init(next: UInt64, grainBytes: UInt64) {
    self.grainBytes = grainBytes
    state = Mutex(State(next: next, length: next * Self.sector))
  }

  /// The offset in the file of the end of the grains, in bytes.
  var end: UInt64 { state.withLock { $0.next * Self.sector } }
  /// The minimum length of the file, in bytes.
  var length: UInt64 { state.withLock { $0.length } }

  /// Allocates a grain.
  /// - Returns: its sector, and whether it is still all zeros.
  /// - Throws: `DiskError`; `ENOSPC` if the sector number exceeds 32 bits.
  func take(in file: StoredFile) throws(DiskError) -> (sector: UInt32, isZeros: Bool) {
    let result = state.withLock { state -> Result<(UInt32, Bool), DiskError> in
      if let sector = state.released.popLast() { return .success((sector, false)) }
      guard let sector = UInt32(exactly: state.next) else {
        return .failure(
          DiskError(file.path, "the overlay is full: no VMDK of this kind is larger than 2 TiB", errno: ENOSPC))
      }
      let end = state.next * Self.sector + grainBytes
      if end > state.length {
        let length = end + (Self.step - 1) * grainBytes
        do throws(DiskError) { try file.truncate(to: length) } catch { return .failure(error) }
        state.length = length
      }
      state.next += grainBytes / Self.sector
      return .success((sector, true))
    }
    return try result.get()
  }

  /// Returns a grain that could not be used.
  func release(_ sector: UInt32) { state.withLock { $0.released.append(sector) } }
}
