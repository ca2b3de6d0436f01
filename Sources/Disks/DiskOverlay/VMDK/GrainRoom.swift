import DiskImage
import Glibc
import Synchronization
import SystemPackage

/// The room for grains in the overlay's file, which grows at its end. From any thread.
final class GrainRoom: Sendable {
  private struct State {
    /// The sector of the next grain.
    var next: UInt64
    /// Of the file, in bytes: at least as far as `next`.
    var length: UInt64
    /// The sectors of grains that were taken and not used.
    var released: [UInt32] = []
  }

  /// How much the file grows at a time, in grains: each time its length is changed costs the filesystem something.
  private static let step: UInt64 = 256
  private static let sector: UInt64 = 512

  private let grainBytes: UInt64
  private let state: Mutex<State>

  /// - Parameter next: the sector at which the next grain is to be.
  init(next: UInt64, grainBytes: UInt64) {
    self.grainBytes = grainBytes
    state = Mutex(State(next: next, length: next * Self.sector))
  }

  /// Where the grains end, in bytes of the file.
  var end: UInt64 { state.withLock { $0.next * Self.sector } }
  /// Of the file, in bytes, at least.
  var length: UInt64 { state.withLock { $0.length } }

  /// Takes the room of a grain.
  /// - Returns: its sector, and whether it reads as zeros yet.
  /// - Throws: `DiskError` with `ENOSPC` where a sector's number has no more than its 32 bits.
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

  /// Gives back what could not be used.
  func release(_ sector: UInt32) { state.withLock { $0.released.append(sector) } }
}
