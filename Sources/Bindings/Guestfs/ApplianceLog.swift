import CGuestfs
import Synchronization

/// The last output of the appliance and of the programs that build and run it: qemu, its kernel, supermin.
public final class ApplianceLog: Sendable {
  private static let maximumBytes = 64 << 10

  private let text = Mutex<[UInt8]>([])

  init() {}

  /// - Parameter handle: a handle that does not outlive this log.
  func keepMessages(of handle: OpaquePointer) {
    _ = guestfs_set_event_callback(
      handle,
      { _, log, _, _, _, text, length, _, _ in
        guard let log, let text else { return }
        Unmanaged<ApplianceLog>.fromOpaque(log).takeUnretainedValue()
          .add(UnsafeRawBufferPointer(start: text, count: length))
      }, UInt64(GUESTFS_EVENT_APPLIANCE), 0, Unmanaged.passUnretained(self).toOpaque())
  }

  func add(_ bytes: some Collection<UInt8>) {
    text.withLock { text in
      text += bytes
      if text.count > 2 * Self.maximumBytes { text.removeFirst(text.count - Self.maximumBytes) }
    }
  }

  /// The lines that are not empty, unchanged: they can hold any bytes.
  public var lines: [[UInt8]] {
    text.withLock { $0.split { $0 == 0x0a || $0 == 0x0d }.map(Array.init) }
  }
}
