/// A part of a request over which the same ranges of the map lie.
public struct Piece: Sendable {
  /// The bytes on the disk.
  public let range: Range<UInt64>
  /// How many ranges of the map lie over it; more than are listed if there are more than
  /// `MapIndex.ownersListed`.
  public let ownerCount: Int
  /// How many of those listed, from the first one on, are equally specific: all names of a file, and all files that
  /// share an extent. Of devices that lie in one another only the innermost counts.
  public let mostSpecificCount: Int
}
