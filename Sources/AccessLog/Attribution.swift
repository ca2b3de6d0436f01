import BlockMap

/// Finds the objects that a request is to be named after.
///
/// Each part of a request belongs to the most specific object there. If several objects of the same specificity
/// share it (hard links, shared extents), it belongs to all of them; of devices that contain one another only to
/// the innermost. At most `MapIndex.ownersListed` are named.
public struct Attribution: Sendable {
  /// A part of a request, as long as the same objects own it.
  public struct Part: Sendable {
    /// The bytes on the disk.
    public var range: Range<UInt64>
    /// In the order of the map; empty if nothing covers the range.
    public var objects: [ObjectID]
    /// How many more ranges of the map lie here than could be named.
    public var unnamed: Int
  }

  /// Nil: nothing is known of the disk.
  private let index: MapIndex?
  private var scratch = QueryScratch()

  public init(index: MapIndex?) {
    self.index = index
  }

  /// The objects of the map, if there is one.
  public var objects: ObjectTable? { index?.map.objects }

  /// The parts of a request, in disk order; neighbours have different objects.
  public mutating func parts(of event: AccessEvent) -> [Part] {
    guard !event.range.isEmpty else { return [] }
    guard let index else { return [Part(range: event.range, objects: [], unnamed: 0)] }
    var parts: [Part] = []
    index.forEachPiece(of: event.range, disk: Int(event.disk), scratch: &scratch) { piece, owners in
      let part = Self.part(piece, owners, index.map)
      // A border of something broader, such as a volume's extent, splits no file.
      if let last = parts.last, last.objects == part.objects, last.unnamed == part.unnamed {
        parts[parts.count - 1].range = last.range.lowerBound..<part.range.upperBound
      } else {
        parts.append(part)
      }
    }
    return parts
  }

  private static func part(_ piece: Piece, _ owners: Span<Int>, _ map: BlockMap) -> Part {
    var part = Part(range: piece.range, objects: [], unnamed: 0)
    guard !owners.isEmpty else { return part }
    let first = map.ranges[owners[0]]
    let specificity = map.objects.kind(of: first.object).specificity
    for place in owners.indices {
      let owner = map.ranges[owners[place]]
      guard map.objects.kind(of: owner.object).specificity == specificity,
        !contains(owner, first, specificity)
      else { return part }
      if !part.objects.contains(owner.object) { part.objects.append(owner.object) }
    }
    part.unnamed = piece.ownerCount - owners.count
    return part
  }

  /// Whether `owner` is a device that is larger than `first`, which is as specific.
  private static func contains(_ owner: MappedRange, _ first: MappedRange, _ specificity: UInt8) -> Bool {
    specificity <= ObjectKind.logicalVolume.specificity
      && owner.range.upperBound &- owner.range.lowerBound > first.range.upperBound &- first.range.lowerBound
  }
}
