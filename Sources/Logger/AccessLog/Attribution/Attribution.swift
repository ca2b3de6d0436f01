import BlockMap

/// Finds the objects that the log names for a request, and selects the parts of it that are logged.
///
/// A request is split wherever a range of the map begins or ends. The log first names the most specific objects of a
/// part. If several objects of the same specificity share it (hard links, shared extents), it names all of them; of
/// devices that contain one another, it names only the innermost. At most `MapIndex.ownersListed` objects are listed.
public struct Attribution: Sendable {
  /// Nil if nothing is known about the disk.
  package let map: SharedMap?
  private var selected: SelectedObjects
  private var scratch: [Owner] = []
  private var request = AttributedRequest()
  /// What has been written on each disk since the map was made.
  private var written: [UInt8: SectorSet]

  /// - Parameters:
  ///   - index: the map; nil if nothing is known about the disk.
  ///   - selection: what to log.
  ///   - written: what was written after the map was made and before the log begins.
  public init(
    index: MapIndex?, selection: ObjectSelection = ObjectSelection(), written: WrittenRanges = WrittenRanges()
  ) {
    map = SharedMap(index)
    selected = SelectedObjects(selection)
    self.written = written.sectors
    request.isUnfiltered = selection.isEverything
  }

  /// Returns the parts of a request. Requests must come in the order of the log, because what one has written is stale
  /// for those after it. The memory of the result is used again for the next request, unless the caller keeps the
  /// result.
  package mutating func callAsFunction(_ event: AccessEvent) -> AttributedRequest {
    request.removeAll()
    if let map {
      Self.split(event, map, &scratch, into: &request)
    } else if !event.range.isEmpty {
      request.add(AttributedRequest.Part(range: event.range))
    }
    if let written = written[event.disk] { request.split(by: written) }
    select()
    if event.mayHaveWritten { written[event.disk, default: SectorSet()].insert(event.range) }
    return request
  }

  /// Selects the parts that are named after any object that is kept.
  private mutating func select() {
    guard !selected.isEverything else { return }
    for part in request.parts.indices {
      let isKept =
        map.map { map in
          request.named(in: part).contains { selected.keeps(request[owner: $0].object, map.index.map.objects) }
        } ?? false
      request.select(part, isKept)
    }
  }

  private static func split(
    _ event: AccessEvent, _ map: SharedMap, _ scratch: inout [Owner], into request: inout AttributedRequest
  ) {
    map.index.forEachPiece(of: event.range, disk: Int(event.disk), scratch: &scratch) { piece, owners in
      guard request.hasRoom else { return request.addToRest(piece.range) }
      for number in owners.indices { request.add(owners[number]) }
      request.add(
        AttributedRequest.Part(
          range: piece.range, namedCount: piece.mostSpecificCount, unlisted: piece.ownerCount - owners.count))
    }
  }
}
