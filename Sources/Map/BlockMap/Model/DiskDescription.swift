/// One disk as a map's header line describes it: `# disk N size=HEX format=F file=ESCAPED`.
public struct DiskDescription: Hashable, Sendable {
  /// The size of the disk the guest sees, in bytes.
  public var size: UInt64
  /// The format of the image, such as `raw` or `vmdk`; printable ASCII without a space.
  public var format: [UInt8]
  /// The name of the image as the user gave it, not escaped.
  public var file: [UInt8]

  public init(size: UInt64, format: [UInt8], file: [UInt8]) {
    self.size = size
    self.format = format
    self.file = file
  }
}
