import CGuestfs
import Glibc
import PrintableText

/// What libguestfs said when a call failed.
public struct GuestfsError: Error, CustomStringConvertible, Sendable {
  /// The errno of the appliance or the library, 0 if there is none.
  public let errnoValue: Int32
  /// One or more lines as libguestfs wrote them, escaped because they can contain names chosen by a guest.
  public let description: String

  init(_ handle: OpaquePointer) {
    errnoValue = guestfs_last_errno(handle)
    let text = guestfs_last_error(handle).map { UnsafeRawBufferPointer(start: $0, count: strlen($0)) }
    description = text.map { PrintableText.text($0, keepingNewlines: true) } ?? "libguestfs gave no reason"
  }

  /// Creates an error that libguestfs did not report.
  public init(_ description: String) {
    errnoValue = 0
    self.description = description
  }

  /// The first line, for messages of one line.
  public var firstLine: String { description.split(separator: "\n").first.map(String.init) ?? description }
}
