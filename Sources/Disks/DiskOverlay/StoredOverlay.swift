import DiskImage
import Glibc
import Synchronization

/// An overlay that stores its data in a file.
protocol StoredOverlay: Overlay {
  var file: StoredFile { get }
}

extension StoredOverlay {
  /// - Throws: `DiskError` with `EINVAL` if the `count` bytes at `offset` do not lie within the disk.
  func check(_ offset: UInt64, _ count: Int) throws(DiskError) {
    guard offset <= size, UInt64(count) <= size - offset else {
      throw DiskError(file.path, "a request beyond the end of the disk", errno: EINVAL)
    }
  }
}

/// Runs flushes one at a time. After a flush has failed, all later ones fail, because the kernel reports a write error
/// only once.
struct Flushing: ~Copyable, Sendable {
  private let failure = Mutex<DiskError?>(nil)

  /// - Throws: the error from `body`, or the error from an earlier call that failed.
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
