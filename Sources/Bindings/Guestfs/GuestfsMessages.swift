import CGuestfs
import Glibc
import PrintableText

/// The output of `-v` and `-x`. libguestfs itself would print the carriage returns of the appliance's console
/// unchanged, and nothing that the appliance says can be trusted.
extension Guestfs {
  /// Prints the messages of the library and the appliance on standard error, escaped. libguestfs delivers these events
  /// to anyone who registers for them, whether or not it is verbose.
  static func showMessages(of handle: OpaquePointer, _ events: UInt64) {
    _ = guestfs_set_event_callback(
      handle,
      { _, _, event, _, _, text, length, _, _ in
        let text = UnsafeRawBufferPointer(start: text, count: length)
        let start =
          switch event {
          case UInt64(GUESTFS_EVENT_LIBRARY): "libguestfs: "
          case UInt64(GUESTFS_EVENT_TRACE): "libguestfs: trace: "
          default: ""
          }
        // The lines of the console also end in a carriage return, and arrive in pieces.
        let lines = start.isEmpty ? text.filter { $0 != 0x0d } : Array(text)
        let shown = PrintableText.bytes(lines, keepingNewlines: true)
        let end: [UInt8] = start.isEmpty || shown.last == 0x0a ? [] : [0x0a]
        let output = Array(start.utf8) + shown + end
        _ = output.withUnsafeBytes { write(STDERR_FILENO, $0.baseAddress, $0.count) }
      }, events, 0, nil)
  }
}
