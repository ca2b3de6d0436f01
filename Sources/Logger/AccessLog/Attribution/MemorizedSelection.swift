import BlockMap

/// A selection that remembers its result for each object of a map, so that the pattern is matched only once per object.
struct MemorizedSelection: Sendable {
  private enum Verdict {
    static let unknown: UInt8 = 0
    static let kept: UInt8 = 1
    static let dropped: UInt8 = 2
  }

  private let selection: ObjectSelection
  /// One byte per object. Empty if everything is kept.
  private var verdicts: [UInt8]

  init(_ selection: ObjectSelection, of map: SharedMap?) {
    self.selection = selection
    verdicts = selection.isEverything ? [] : Array(repeating: Verdict.unknown, count: map?.index.map.objects.count ?? 0)
  }

  /// Selects the parts of a request that are named after any object that is kept.
  mutating func select(in request: inout AttributedRequest, _ map: SharedMap?) {
    guard !selection.isEverything else { return }
    for part in request.parts.indices { request.select(part, keeps(request, part, map)) }
  }

  private mutating func keeps(_ request: AttributedRequest, _ part: Int, _ map: SharedMap?) -> Bool {
    guard let map else { return false }
    for index in request.named(in: part) {
      let object = request[owner: index].object
      let number = Int(object.rawValue)
      if verdicts[number] == Verdict.unknown {
        verdicts[number] = selection.keeps(object, in: map.index.map.objects) ? Verdict.kept : Verdict.dropped
      }
      if verdicts[number] == Verdict.kept { return true }
    }
    return false
  }
}
