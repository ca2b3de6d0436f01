/// What a disk may be opened in spite of.
public struct OpenOptions: Equatable, Sendable {
  /// The descriptor may name files outside its own directory, by absolute paths too, and devices.
  public var allowsExternal = false
  /// A snapshot is read although its parent's content ID says that the parent was changed after it was taken.
  public var ignoresCID = false
  /// An seSparse extent is read although its journal was not replayed, so that its tables may be stale.
  public var ignoresJournal = false

  public init() {}
}
