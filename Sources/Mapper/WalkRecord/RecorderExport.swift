/// The names of the recorder's exports.
public enum RecorderExport {
  /// Takes the walker's records.
  public static let channel = "channel"

  /// The most bytes of a disk that an export has: 8 EiB less 1 GiB, the largest size that qemu takes.
  public static let mostBytes: UInt64 = 1 << 63 - 1 << 30

  /// The disk with this number, 1 for the first.
  public static func disk(_ number: Int) -> String { "disk\(number)" }
}
