/// The names of the recorder's exports.
public enum RecorderExport {
  /// The export that receives the walker's records.
  public static let channel = "channel"

  /// The maximum size of an export in bytes: 8 EiB less 1 GiB, the largest disk that qemu accepts. Larger disks are
  /// cut.
  public static let maximumBytes: UInt64 = 1 << 63 - 1 << 30

  /// The export of the disk with this number, from 1.
  public static func disk(_ number: Int) -> String { "disk\(number)" }

  /// The export of the same disk as it was before the appliance wrote to it. Its reads are not recorded.
  public static func original(_ number: Int) -> String { "original\(number)" }
}
