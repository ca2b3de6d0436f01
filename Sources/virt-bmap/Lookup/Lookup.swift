import BlockMap
import DiskImage

/// Answers questions from one map.
struct Lookup {
  private let map: BlockMap
  private let index: MapIndex
  private let names: ObjectNames
  private let selection: ObjectSelection
  private let disk: Int
  /// The disk that names are looked for on; nil for all.
  private let onlyDisk: Int?

  /// - Parameters:
  ///   - disk: the only disk to answer about, from 1; without it, offsets refer to disk 1.
  ///   - selection: only these objects are shown.
  init(map: BlockMap, disk: Int?, selection: ObjectSelection) {
    onlyDisk = disk
    self.map = map
    index = MapIndex(map)
    names = ObjectNames(map)
    self.selection = selection
    self.disk = disk ?? 1
  }

  /// Passes the answer to `writer`, piece by piece.
  func answer(_ question: Question, to writer: inout AnswerWriter) throws {
    try answer(question, disk: disk, to: &writer)
  }

  /// Says what a byte of one of the image's own files holds.
  func answer(_ byte: ContainerByte, in files: ContainerFiles, to writer: inout AnswerWriter) throws {
    let (part, disk) = try files.part(byte)
    guard case .data(let range) = part else { return try writer.add(part.words, of: byte) }
    let description = "\(byte.description), disk \(disk) bytes \(range.lowerBound)-\(range.upperBound)"
    try answer(Question(range, description), disk: disk, to: &writer)
  }

  private func answer(_ question: Question, disk: Int, to writer: inout AnswerWriter) throws {
    try writer.begin(question, disk: disk)
    switch question.asked {
    case .range(let range): try tellWhatIs(in: range, disk, writer: &writer)
    case .object(let name): try tellWhereIs(name, writer: &writer)
    }
    try writer.end(question, diskSize: map.size(ofDisk: disk))
  }

  private func tellWhatIs(in range: Range<UInt64>, _ disk: Int, writer: inout AnswerWriter) throws {
    var scratch: [Owner] = []
    try index.forEachPiece(of: range, disk: disk, scratch: &scratch) { piece, owners in
      if piece.ownerCount <= owners.count {
        for position in owners.indices {
          let owner = owners[position]
          try add(owner.object, piece.range, disk, offset: owner.offset, to: &writer)
        }
      } else {
        for owner in allOwners(of: piece.range, disk) {
          let offset = owner.objectOffset &+ (piece.range.lowerBound - owner.range.lowerBound)
          try add(owner.object, piece.range, disk, offset: offset, to: &writer)
        }
      }
    }
  }

  private func add(
    _ object: ObjectID, _ range: Range<UInt64>, _ disk: Int, offset: UInt64, to writer: inout AnswerWriter
  ) throws {
    guard selection.isEverything || selection.keeps(object, in: map.objects) else { return }
    try writer.add(AnswerEntry(disk: disk, range: range, offset: offset, object: object))
  }

  /// The index is made for a log and lists a limited number of owners per piece. This returns all of them, in the same
  /// order.
  private func allOwners(of piece: Range<UInt64>, _ disk: Int) -> [MappedRange] {
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
    let found = names.objects(named: name).flatMap { names.ranges.ranges(of: $0) }
    let sorted = found.sorted { a, b in
      (a.disk, a.range.lowerBound, a.range.upperBound) < (b.disk, b.range.lowerBound, b.range.upperBound)
    }
    for range in sorted where onlyDisk.map({ $0 == Int(range.disk) }) ?? true {
      try add(range.object, range.range, Int(range.disk), offset: range.objectOffset, to: &writer)
    }
  }
}

extension FilePart {
  /// What it is, for people.
  fileprivate var words: String {
    switch self {
    case .header: "header"
    case .descriptor: "descriptor"
    case .grainDirectory(let isRedundant): isRedundant ? "redundant grain directory" : "grain directory"
    case .grainTable(let range, let isRedundant):
      "\(isRedundant ? "redundant grain table" : "grain table") of bytes \(range.lowerBound)-\(range.upperBound)"
    case .data(let range): "bytes \(range.lowerBound)-\(range.upperBound)"
    case .unused: "not used for the disk"
    }
  }
}
