public import DiskImage

/// What a server says of an export before any of it is read.
public struct NBDExport: Equatable, Sendable {
  /// In bytes, not 0.
  public let size: UInt64
  /// Requests begin and end at multiples of this many bytes: a power of two, 64 KiB at most.
  let minimumRequest: UInt64
  /// The most bytes of one read: 32 MiB at most, and a multiple of `minimumRequest`.
  let maximumRequest: UInt64
  /// Whether all of a client's connections show the same bytes.
  let takesSeveralConnections: Bool
  /// Whether the server tells data from holes.
  let tellsExtents: Bool
}

extension NBDExport {
  /// Asks a server about an export, without becoming its client: a server that ends with its last client, as `qemu-nbd`
  /// does by default, is there afterwards.
  /// - Parameter isCancelled: asked ten times a second; true ends the attempt.
  /// - Throws: `DiskError`: there is no server, or it does not have the export.
  public static func ask(
    at address: NBDAddress, isCancelled: () -> Bool = { false }
  ) throws(DiskError) -> NBDExport {
    let handle = try NBDHandle.connect(to: address, for: .asking, isCancelled: isCancelled)
    return try handle.export(isCancelled: isCancelled)
  }
}
