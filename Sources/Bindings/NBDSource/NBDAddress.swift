/// The URI of an export of an NBD server, as in the NBD URI specification:
/// https://github.com/NetworkBlockDevice/nbd/blob/master/doc/uri.md.
public struct NBDAddress: Equatable, Sendable {
  /// The URI as it was given: any bytes but NUL.
  public let bytes: [UInt8]

  private static let schemes = ["nbd", "nbds", "nbd+unix", "nbds+unix", "nbd+vsock", "nbds+vsock"]

  /// Nil if the text does not begin with an NBD scheme and `://`; then it is a file name.
  public init?(_ bytes: some Sequence<UInt8>) {
    let bytes = Array(bytes)
    guard Self.schemes.contains(where: { bytes.starts(with: "\($0)://".utf8) }) else { return nil }
    self.bytes = bytes
  }
}
