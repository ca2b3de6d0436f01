import CNBDKit
import Glibc

/// What nbdkit holds for a connection, between its opening and its closing.
///
/// nbdkit makes the connection ready in one thread before any other sees it.
final class ConnectionHandle: Sendable {
  let readOnly: Bool
  let exportName: [UInt8]
  nonisolated(unsafe) var connection: (any Connection)?

  init(readOnly: Bool, exportName: [UInt8], connection: (any Connection)? = nil) {
    self.readOnly = readOnly
    self.exportName = exportName
    self.connection = connection
  }

  /// What nbdkit is given. It gives it back to `taken` once.
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

/// nbdkit's answer to a question about what a client may do; -1 without a connection.
func capability(_ handle: UnsafeMutableRawPointer?, _ get: (Capabilities) -> Bool) -> Int32 {
  guard let capabilities = connection(handle)?.capabilities else { return -1 }
  return get(capabilities) ? 1 : 0
}

/// nbdkit keeps the pointers of a description until the process ends.
func permanent(_ text: String) -> UnsafePointer<CChar>? {
  strdup(text).map { UnsafePointer($0) }
}

/// Calls `body` with bytes, which hold no NUL, as a C string.
func withCString<R>(_ bytes: [UInt8], _ body: (UnsafePointer<CChar>?) throws -> R) rethrows -> R {
  try (bytes + [0]).withUnsafeBufferPointer { bytes in
    try bytes.withMemoryRebound(to: CChar.self) { try body($0.baseAddress) }
  }
}

/// What nbdkit is told of an export when a client connects to it; nbdkit keeps a copy for as long as the connection is.
func exportDescription(_ handle: UnsafeMutableRawPointer?) -> UnsafePointer<CChar>? {
  guard let description = connection(handle)?.exportDescription, !description.isEmpty else { return nil }
  return nbdkit_strdup_intern(description)
}

/// The bytes of a C string, without its NUL.
func bytes(_ text: UnsafePointer<CChar>) -> [UInt8] {
  Array(UnsafeRawBufferPointer(start: text, count: strlen(text)))
}
