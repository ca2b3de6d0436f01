import BlockMap

/// Answers questions from one map.
struct Lookup {
  private let map: BlockMap
  private let index: MapIndex
  private let disk: Int

  init(map: BlockMap, disk: Int) {
    self.map = map
    index = MapIndex(map)
    self.disk = disk
  }

  /// Passes the answer to `writer`, piece by piece.
  func answer(_ question: Question, to writer: inout AnswerWriter) throws {
    writer.begin(question, disk: disk)
    switch question {
    case .range(let range): try tellWhatIs(in: range, writer: &writer)
    case .object(let name): try tellWhereIs(name, writer: &writer)
    }
    try writer.end(question)
  }

  private func tellWhatIs(in range: Range<UInt64>, writer: inout AnswerWriter) throws {
    var scratch: [Owner] = []
    try index.forEachPiece(of: range, disk: disk, scratch: &scratch) { piece, owners in
      if piece.ownerCount <= owners.count {
        for position in owners.indices {
          let owner = owners[position]
          try writer.add(entry(piece.range, of: owner.object, offset: owner.offset))
        }
      } else {
        for owner in allOwners(of: piece.range) {
          let offset = owner.objectOffset &+ (piece.range.lowerBound - owner.range.lowerBound)
          try writer.add(entry(piece.range, of: owner.object, offset: offset))
        }
      }
    }
  }

  private func entry(_ part: Range<UInt64>, of object: ObjectID, offset: UInt64) -> AnswerWriter.Entry {
    AnswerWriter.Entry(disk: disk, range: part, offset: offset, object: object)
  }

  /// The index is made for a log and lists a limited number of owners per piece. This returns all of them, in the same
  /// order.
  private func allOwners(of piece: Range<UInt64>) -> [MappedRange] {
    func rank(_ owner: MappedRange) -> (Int, UInt64) {
      let specificity = map.objects.kind(of: owner.object).specificity
      return (-Int(specificity), owner.range.upperBound - owner.range.lowerBound)
    }
    let owners = map.ranges.filter { Int($0.disk) == disk && $0.range.overlaps(piece) }
    return owners.enumerated().sorted { a, b in
      let (first, second) = (rank(a.element), rank(b.element))
      return (first.0, first.1, a.offset) < (second.0, second.1, b.offset)
    }.map(\.element)
  }

  private func tellWhereIs(_ name: [UInt8], writer: inout AnswerWriter) throws {
    let ids = objects(named: name)
    for range in map.ranges where ids.contains(range.object) {
      try writer.add(
        AnswerWriter.Entry(
          disk: Int(range.disk), range: range.range, offset: range.objectOffset, object: range.object))
    }
  }

  /// Both a device name and a path can contain a colon. So every way to read the name is tried, first with the name as
  /// it is, then with the name unescaped as in a map.
  private func objects(named name: [UInt8]) -> Set<ObjectID> {
    for bytes in [name, Escaping.unescape(name)].compactMap({ $0 }) {
      for colon in bytes.indices.dropLast() where bytes[colon] == 0x3a && bytes[colon + 1] == 0x2f {
        let found = find(device: Array(bytes[..<colon]), path: Array(bytes[(colon + 1)...]))
        if !found.isEmpty { return found }
      }
      let found = find(device: bytes, path: nil)
      if !found.isEmpty { return found }
    }
    return []
  }

  private func find(device: [UInt8], path: [UInt8]?) -> Set<ObjectID> {
    Set(ObjectKind.all.compactMap { map.objects.find(kind: $0, device: device, path: path) })
  }
}
