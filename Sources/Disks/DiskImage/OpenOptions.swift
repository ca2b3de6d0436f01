/// Checks that are skipped when a disk is opened.
public struct OpenOptions: Equatable, Sendable {
  /// Let the descriptor name devices, and files outside its own directory, including by absolute paths.
  public var allowsExternal = false
  /// Read a snapshot even if the content ID of its parent shows that the parent was changed after the snapshot was
  /// taken.
  public var ignoresCID = false
  /// Read an seSparse extent even if its journal has not been replayed, so that its tables may be stale.
  public var ignoresJournal = false

  public init() {}
}
