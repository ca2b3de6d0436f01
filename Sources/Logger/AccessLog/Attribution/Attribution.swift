import BlockMap

/// Finds the objects that a request is to be named after.
///
/// A request is split wherever a range of the map begins or ends. What the log names first are the most specific
/// objects of a part. If several of the same specificity share it (hard links, shared extents), it is all of them; of
/// devices that contain one another only the innermost. At most `MapIndex.ownersListed` are listed.
struct Attribution: Sendable {
  /// Nil: nothing is known of the disk.
  let map: SharedMap?
  private var scratch: [Owner] = []
  private var request = AttributedRequest()
  /// What was written since the map was made, of each disk.
  private var written: [UInt8: WrittenSectors]

  /// - Parameter written: what was written before.
  init(index: MapIndex?, written: [UInt8: WrittenSectors] = [:]) {
    map = SharedMap(index)
    self.written = written
  }

  /// The parts of a request, which come in the order of the log: what one has written is stale for those after it. Their
  /// memory is used again for the next one, if this one is not kept.
  mutating func callAsFunction(_ event: AccessEvent) -> AttributedRequest {
    request.removeAll()
    if let map {
      Self.split(event, map, &scratch, into: &request)
    } else if !event.range.isEmpty {
      request.add(AttributedRequest.Part(range: event.range))
    }
    if let written = written[event.disk] { request.split(by: written) }
    if event.mayHaveWritten { written[event.disk, default: WrittenSectors()].insert(event.range) }
    return request
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
