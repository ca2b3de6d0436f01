import CNBDKit
import Glibc

/// The handle that nbdkit holds while a connection is open.
///
/// nbdkit prepares the connection in one thread before any other thread sees it.
final class ConnectionHandle: Sendable {
  let readOnly: Bool
  let exportName: [UInt8]
  nonisolated(unsafe) var connection: (any Connection)?

  init(readOnly: Bool, exportName: [UInt8], connection: (any Connection)? = nil) {
    self.readOnly = readOnly
    self.exportName = exportName
    self.connection = connection
  }

  /// The pointer that nbdkit gets. nbdkit returns it to `taken` exactly once.
  var opaque: UnsafeMutableRawPointer { Unmanaged.passRetained(self).toOpaque() }

  static func taken(_ opaque: UnsafeMutableRawPointer) -> ConnectionHandle {
    Unmanaged.fromOpaque(opaque).takeRetainedValue()
  }

  static func of(_ opaque: UnsafeMutableRawPointer?) -> ConnectionHandle? {
    opaque.map { Unmanaged.fromOpaque($0).takeUnretainedValue() }
  }
}

/// The connection behind nbdkit's handle.
@inline(__always)
func connection(_ handle: UnsafeMutableRawPointer?) -> (any Connection)? {
  handle.flatMap { Unmanaged<ConnectionHandle>.fromOpaque($0).takeUnretainedValue().connection }
}

/// The answer to one of nbdkit's `can_*` callbacks; -1 if there is no connection.
func capability(_ handle: UnsafeMutableRawPointer?, _ get: (Capabilities) -> Bool) -> Int32 {
  guard let capabilities = connection(handle)?.capabilities else { return -1 }
  return get(capabilities) ? 1 : 0
}

/// Copies a string that must live until the process exits, because nbdkit keeps the pointer.
func permanent(_ text: String) -> UnsafePointer<CChar>? {
  strdup(text).map { UnsafePointer($0) }
}

/// Calls `body` with bytes as a C string. The bytes must not contain NUL.
func withCString<R>(_ bytes: [UInt8], _ body: (UnsafePointer<CChar>?) throws -> R) rethrows -> R {
  try (bytes + [0]).withUnsafeBufferPointer { bytes in
    try bytes.withMemoryRebound(to: CChar.self) { try body($0.baseAddress) }
  }
}

/// The description of an export for a client that connects to it. nbdkit keeps the copy as long as the connection.
func exportDescription(_ handle: UnsafeMutableRawPointer?) -> UnsafePointer<CChar>? {
  guard let description = connection(handle)?.exportDescription, !description.isEmpty else { return nil }
  return nbdkit_strdup_intern(description)
}

/// The bytes of a C string, without its NUL.
func bytes(_ text: UnsafePointer<CChar>) -> [UInt8] {
  Array(UnsafeRawBufferPointer(start: text, count: strlen(text)))
}
