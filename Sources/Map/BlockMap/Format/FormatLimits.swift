/// Bounds that a map keeps, so that a reader's memory is bounded whatever the file says.
public enum FormatLimits {
  /// The longest path of an object, in bytes before escaping.
  public static let pathBytes = 256 << 10
  /// The longest name of a device, in bytes before escaping.
  public static let deviceBytes = 4 << 10
  /// The longest line of a map without its newline, in bytes: every path and device, each byte escaped, fits.
  public static let lineBytes = 4 * (pathBytes + deviceBytes) + 1024
  /// The highest number of a disk.
  public static let disks: UInt32 = 255
  /// How many different devices a map names at most.
  public static let devices = 1 << 20
  /// How many objects, and how many ranges, a map holds at most.
  public static let entries = 1 << 30
}
