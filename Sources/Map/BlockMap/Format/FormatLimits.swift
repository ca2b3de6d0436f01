/// The limits of a map. They limit a reader's memory, whatever the file contains.
public enum FormatLimits {
  /// The longest path of an object, in bytes before escaping.
  public static let pathBytes = 256 << 10
  /// The longest device name, in bytes before escaping.
  public static let deviceBytes = 4 << 10
  /// The longest line of a map in bytes, without its newline. Any path and device fit, even if every byte is escaped.
  public static let lineBytes = 4 * (pathBytes + deviceBytes) + 1024
  /// The highest disk number.
  public static let disks: UInt32 = 255
  /// The maximum number of different devices in a map.
  public static let devices = 1 << 20
  /// The maximum number of objects, and of ranges, in a map.
  public static let entries = 1 << 30
}
