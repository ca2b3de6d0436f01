/// Why a file's bytes need not be those of its ranges. The raw value is the word for it, in the text and in the JSON.
public enum ProofException: String, Sendable, CaseIterable {
  /// The disk holds its bytes in another form; the map's ranges are where that is.
  case compressed
  /// Its bytes are in the filesystem's metadata, for which the map has no range.
  case inline
  /// Some of its bytes are on a device that its array has lost.
  case lost
  /// The guest's filesystem gives an error when it is read.
  case unreadable
  /// It is encrypted, and the guest's filesystem has no key.
  case encrypted
  /// There is no end to reading it: it has large holes, or more data than the disks.
  case tooLarge = "too large"
  /// Its path is longer than a map holds.
  case tooLong = "path too long"
}
