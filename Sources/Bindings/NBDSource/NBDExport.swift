public import DiskImage

/// What a server says about an export before anything is read from it.
public struct NBDExport: Equatable, Sendable {
  /// In bytes, never 0.
  public let size: UInt64
  /// Requests must begin and end at multiples of this many bytes: a power of two, at most 64 KiB.
  let minimumRequest: UInt64
  /// The maximum size of a read in bytes: at most 32 MiB, and a multiple of `minimumRequest`.
  let maximumRequest: UInt64
  /// Whether all connections of a client see the same data.
  let takesSeveralConnections: Bool
  /// Whether the server can tell data from holes.
  let tellsExtents: Bool
}

extension NBDExport {
  /// Asks a server about an export without becoming its client: a server that exits with its last client, as `qemu-nbd`
  /// does by default, keeps running.
  /// - Parameter isCancelled: called ten times a second; if it returns true, the attempt ends.
  /// - Throws: `DiskError` if there is no server, or if it does not have the export.
  public static func ask(
    at address: NBDAddress, isCancelled: () -> Bool = { false }
  ) throws(DiskError) -> NBDExport {
    let handle = try NBDHandle.connect(to: address, for: .asking, isCancelled: isCancelled)
    return try handle.export(isCancelled: isCancelled)
  }
}
