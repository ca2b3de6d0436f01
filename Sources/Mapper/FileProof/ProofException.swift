/// Why the bytes of a file may differ from those of its ranges. The raw value is the word for it in the text output and
/// in the JSON output.
public enum ProofException: String, Sendable, CaseIterable {
  /// The disk holds the bytes in another form; the map's ranges are where that form is.
  case compressed
  /// The bytes are in the filesystem's metadata, and the map has no range for them.
  case inline
  /// Some of the bytes are on a device that its array has lost.
  case lost
  /// The guest's filesystem returns an error when the file is read.
  case unreadable
  /// The file is encrypted, and the guest's filesystem does not have the key.
  case encrypted
  /// Reading the file would take too long: it has large holes, or more data than the disks.
  case tooLarge = "too large"
  /// The path of the file is longer than a map can hold.
  case tooLong = "path too long"
}
