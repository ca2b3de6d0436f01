/// A disk, from a header line of the map: `# disk N size=HEX format=F file=ESCAPED`.
public struct DiskDescription: Hashable, Sendable {
  /// The size in bytes of the disk that the guest sees.
  public var size: UInt64
  /// The format of the image, such as `raw` or `vmdk`; printable ASCII without spaces.
  public var format: [UInt8]
  /// The name of the image as the user gave it, not escaped.
  public var file: [UInt8]

  public init(size: UInt64, format: [UInt8], file: [UInt8]) {
    self.size = size
    self.format = format
    self.file = file
  }
}
