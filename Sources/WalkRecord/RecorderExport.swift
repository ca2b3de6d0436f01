/// The names of the recorder's exports.
public enum RecorderExport {
  /// Takes the walker's records.
  public static let channel = "channel"

  /// The disk with this number, 1 for the first.
  public static func disk(_ number: Int) -> String { "disk\(number)" }
}
