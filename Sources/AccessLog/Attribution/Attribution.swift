import BlockMap

/// Finds the objects that a request is to be named after.
///
/// A request is split wherever a range of the map begins or ends. What the log names first are the most specific
/// objects of a part. If several of the same specificity share it (hard links, shared extents), it is all of them; of
/// devices that contain one another only the innermost. At most `MapIndex.ownersListed` are listed.
struct Attribution: Sendable {
  /// Nil: nothing is known of the disk.
  private let index: MapIndex?
  private var scratch = QueryScratch()
  private var request = AttributedRequest()
  /// What was written since the map was made, of each disk.
  private var written: [UInt8: WrittenSectors]

  /// - Parameter written: what was written before.
  init(index: MapIndex?, written: [UInt8: WrittenSectors] = [:]) {
    self.index = index
    self.written = written
  }

  /// The objects of the map, if there is one.
  var objects: ObjectTable? { index?.map.objects }
  /// Whether the map says where in its object a range is.
  var hasOffsets: Bool { index?.map.hasOffsets ?? false }

  /// The parts of a request, which come in the order of the log: what one has written is stale for those after it. Their
  /// memory is used again for the next one, if this one is not kept.
  mutating func callAsFunction(_ event: AccessEvent) -> AttributedRequest {
    request.removeAll()
    if let index {
      Self.split(event, index, &scratch, into: &request)
    } else if !event.range.isEmpty {
      request.add(AttributedRequest.Part(range: event.range))
    }
    if let written = written[event.disk] { request.split(by: written) }
    if event.operation.changes { written[event.disk, default: WrittenSectors()].insert(event.range) }
    return request
  }

  private static func split(
    _ event: AccessEvent, _ index: MapIndex, _ scratch: inout QueryScratch, into request: inout AttributedRequest
  ) {
    let map = index.map
    index.forEachPiece(of: event.range, disk: Int(event.disk), scratch: &scratch) { piece, owners in
      var part = AttributedRequest.Part(range: piece.range, unlisted: piece.ownerCount - owners.count)
      guard !owners.isEmpty else { return request.add(part) }
      let first = map.ranges[owners[0]]
      let specificity = map.objects.kind(of: first.object).specificity
      var isNamed = true
      for place in owners.indices {
        let owner = map.ranges[owners[place]]
        isNamed =
          isNamed && map.objects.kind(of: owner.object).specificity == specificity
          && !contains(owner, first, specificity)
        if isNamed { part.namedCount += 1 }
        let offset = owner.objectOffset &+ (piece.range.lowerBound &- owner.range.lowerBound)
        request.add(AttributedRequest.Owner(object: owner.object, offset: offset))
      }
      request.add(part)
    }
  }

  /// Whether `owner` is a device that is larger than `first`, which is as specific.
  private static func contains(_ owner: MappedRange, _ first: MappedRange, _ specificity: UInt8) -> Bool {
    specificity <= ObjectKind.logicalVolume.specificity
      && owner.range.upperBound &- owner.range.lowerBound > first.range.upperBound &- first.range.lowerBound
  }
}
