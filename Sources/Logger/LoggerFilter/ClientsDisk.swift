import DiskImage
import Glibc
import SystemPackage

/// The plugin's disk, which is read through the connection of the client whose request is served.
///
/// All clients share the overlay, which does not know for which of them it works. But it works in the thread of the
/// client's request, so the connection is stored for the thread.
final class ClientsDisk: VirtualDisk {
  let size: UInt64
  private let key: pthread_key_t

  /// - Parameter size: in bytes.
  init(size: UInt64) throws {
    var key = pthread_key_t()
    guard pthread_key_create(&key, nil) == 0 else { throw Self.nobody }
    self.size = size
    self.key = key
  }

  deinit { pthread_key_delete(key) }

  /// Reads of the disk by `body` go through this client's connection.
  func through<R>(_ next: NextDisk, _ body: () throws -> R) rethrows -> R {
    let before = pthread_getspecific(key)
    pthread_setspecific(key, Unmanaged.passUnretained(next).toOpaque())
    // Restore the previous value: the thread may already be serving another client.
    defer { pthread_setspecific(key, before) }
    return try withExtendedLifetime(next) { try body() }
  }

  private var current: NextDisk {
    get throws(DiskError) {
      guard let next = pthread_getspecific(key) else { throw Self.nobody }
      return Unmanaged<NextDisk>.fromOpaque(next).takeUnretainedValue()
    }
  }

  func read(into buffer: UnsafeMutableRawBufferPointer, at offset: UInt64) throws(DiskError) {
    try current.read(into: buffer, at: offset)
  }

  func extents(in range: Range<UInt64>, _ body: (DiskExtent) throws(DiskError) -> Bool) throws(DiskError) {
    try current.extents(in: range, body)
  }

  func locations(in range: Range<UInt64>, _ body: (DiskLocation) throws(DiskError) -> Bool) throws(DiskError) {
    try current.locations(in: range, body)
  }

  func close() {}

  private static var nobody: DiskError {
    DiskError("the plugin's disk", "no client is connected", errno: EIO)
  }
}
