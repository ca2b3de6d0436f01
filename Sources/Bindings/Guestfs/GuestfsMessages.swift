import CGuestfs
import Glibc
import PrintableText

/// What `-v` and `-x` show. libguestfs itself would leave the carriage returns of the appliance's console as they are,
/// and whatever the appliance says is not to be trusted.
extension Guestfs {
  /// Prints what the library and the appliance say, escaped, on standard error. Whoever asks for these events gets them,
  /// whether or not the library is to be verbose.
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
        // The console's lines end in a carriage return as well, and come in pieces.
        let lines = start.isEmpty ? text.filter { $0 != 0x0d } : Array(text)
        let shown = PrintableText.bytes(lines, keepingNewlines: true)
        let end: [UInt8] = start.isEmpty || shown.last == 0x0a ? [] : [0x0a]
        let output = Array(start.utf8) + shown + end
        _ = output.withUnsafeBytes { write(STDERR_FILENO, $0.baseAddress, $0.count) }
      }, events, 0, nil)
  }
}
