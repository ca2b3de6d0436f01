/// A part of a request that is covered by the same ranges of the map throughout.
public struct Piece: Sendable {
  /// The range of the disk, in bytes.
  public let range: Range<UInt64>
  /// How many ranges of the map cover it. If there are more than `MapIndex.ownersListed`, not all of them are listed.
  public let ownerCount: Int
  /// How many of the listed owners, from the first on, are equally specific: all names of a file, and all files that
  /// share an extent. Among nested devices only the innermost counts.
  public let mostSpecificCount: Int
}
