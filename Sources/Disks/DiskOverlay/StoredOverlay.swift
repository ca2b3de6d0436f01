import DiskImage
import Glibc
import Synchronization

/// An overlay whose bytes are in a file.
protocol StoredOverlay: Overlay {
  var file: StoredFile { get }
}

extension StoredOverlay {
  /// - Throws: `DiskError` with `EINVAL` where `count` bytes from `offset` on do not all lie on the disk.
  func check(_ offset: UInt64, _ count: Int) throws(DiskError) {
    guard offset <= size, UInt64(count) <= size - offset else {
      throw DiskError(file.path, "a request beyond the end of the disk", errno: EINVAL)
    }
  }
}

/// What brings written bytes to the storage: one thread at a time, and after a failure no more, since the kernel tells of
/// what it could not write one time only.
struct Flushing: ~Copyable, Sendable {
  private let failure = Mutex<DiskError?>(nil)

  /// - Throws: what `body` throws, or threw.
  func perform(_ body: () throws(DiskError) -> Void) throws(DiskError) {
    let outcome = failure.withLock { failure -> DiskError? in
      if let failure { return failure }
      do throws(DiskError) {
        try body()
      } catch {
        failure = error
      }
      return failure
    }
    if let outcome { throw outcome }
  }
}
