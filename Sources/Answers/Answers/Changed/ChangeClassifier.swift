import BlockMap

/// Gives each changed byte of a disk its category.
package struct ChangeClassifier {
  private let old: MapIndex
  private let new: MapIndex
  /// Which object of one state continues which of the other.
  package let matches: ObjectMatches
  private var oldParts: FileParts
  private var newParts: FileParts
  /// Nil if only the maps are known.
  private var bytes: StateBytes?
  private var counts: ChangeCounts
  private let selection: ObjectSelection

  /// - Parameters:
  ///   - bytes: the disk in both states, for maps of one disk.
  ///   - selection: only bytes of these objects are counted.
  /// - Throws: `DiskError`.
  package init(
    old: MapIndex, new: MapIndex, bytes: StateBytes?, selection: ObjectSelection = ObjectSelection()
  ) throws {
    self.selection = selection
    counts = ChangeCounts(old.map, new.map, selection: selection)
    (self.old, self.new) = (old, new)
    self.bytes = bytes
    let ranges = (old: ObjectRanges(old.map), new: ObjectRanges(new.map))
    (oldParts, newParts) = (FileParts(ranges.old), FileParts(ranges.new))
    var compared = bytes
    matches = try ObjectMatches(old, new) { before, now, range in
      // Without the bytes, a renamed file cannot be told from a new one, unless all of it is where it was.
      guard compared != nil else { return Self.areEqual(ranges.old.ranges(of: before), ranges.new.ranges(of: now)) }
      var position = range.lowerBound
      let end = position + min(range.upperBound - position, Self.comparedBytes)
      while position < end, let run = try compared?.run(position..<end) {
        guard run.isEqual else { return false }
        position += run.count
      }
      return true
    }
  }

  /// How much of a file with a new name is compared.
  private static let comparedBytes: UInt64 = 4096

  private static func areEqual(_ old: some Sequence<MappedRange>, _ new: some Sequence<MappedRange>) -> Bool {
    old.elementsEqual(new) { a, b in
      a.disk == b.disk && a.range == b.range && a.objectOffset == b.objectOffset
    }
  }

  /// What was counted so far.
  package var report: ChangeReport { counts.report(matches) }

  /// Counts a changed range.
  /// - Parameters:
  ///   - range: within the disk; no byte may be counted twice.
  ///   - disk: counted from 1.
  /// - Throws: `DiskError`.
  package mutating func add(_ range: Range<UInt64>, disk: Int) throws {
    let (old, new) = (old, new)
    var oldScratch: [Owner] = []
    var newScratch: [Owner] = []
    try new.forEachPiece(of: range, disk: disk, scratch: &newScratch) { piece, owners in
      let now = keepingSelected(PieceUse(owners, of: new.map), of: new.map)
      // Free space counts if what was there counts.
      guard selection.isEverything || now.use == .free || !now.owners.isEmpty else { return }
      try old.forEachPiece(of: piece.range, disk: disk, scratch: &oldScratch) { part, owners in
        let skipped = part.range.lowerBound - piece.range.lowerBound
        let before = PieceUse(owners, of: old.map)
        try add(
          part.range, disk, now: now.advanced(by: skipped),
          before: now.use == .free ? keepingSelected(before, of: old.map) : before)
      }
    }
  }

  private func keepingSelected(_ piece: PieceUse, of map: BlockMap) -> PieceUse {
    selection.isEverything ? piece : piece.keeping { selection.keeps($0, in: map.objects) }
  }

  /// Counts a range that has the same owners everywhere.
  private mutating func add(_ range: Range<UInt64>, _ disk: Int, now: PieceUse, before: PieceUse) throws {
    switch now.use {
    case .files: try addFile(range, disk, now, before)
    case .free: try addFree(range, now, before)
    case .directories: try add(range, .directory, now, before)
    case .metadata, .boot, .parity: try add(range, .metadata, now, before)
    case .swap: try add(range, .swap, now, before)
    case .unwritten: try add(range, .preallocated, now, before)
    case .unaccounted: try add(range, .unaccounted, now, before)
    }
  }

  /// Counts a range that is not part of a file's content: what is equal and means what it meant before is the same.
  private mutating func add(
    _ range: Range<UInt64>, _ category: ChangeCategory, _ now: PieceUse, _ before: PieceUse
  ) throws {
    let object = now.owners.first?.object
    let isKept = now.use == before.use && (now.owners.isEmpty || now.owners.contains { keeps($0, before) })
    try forEachRun(of: range, isCompared: isKept) { counts, count, isEqual in
      if isEqual == true {
        counts.add(count, .same, other: object)
      } else if category == .preallocated, let object {
        counts.add(count, category, newFile: object)
      } else {
        counts.add(count, category, other: object)
      }
    }
  }

  private mutating func addFile(_ range: Range<UInt64>, _ disk: Int, _ now: PieceUse, _ before: PieceUse) throws {
    // Of several names, the one that is best explained by the old state.
    if before.use == .files, let owner = now.owners.first(where: { keeps($0, before) }) {
      let isRenamed = isRenamed(owner.object)
      return try forEachRun(of: range) { counts, count, isEqual in
        let isRewritten = isEqual.map { !$0 } ?? !isRenamed
        counts.add(count, isRewritten ? .rewritten : isRenamed ? .moved : .same, newFile: owner.object)
      }
    }
    guard let owner = now.owners.first(where: { matches.old(of: $0.object) != nil }),
      let oldFile = matches.old(of: owner.object)
    else {
      // A file that had only preallocated space had no content.
      let grown = now.owners.first { matches.oldFile(of: $0.object) != nil }
      if let owner = grown ?? now.owners.first {
        counts.add(range.upperBound - range.lowerBound, grown == nil ? .created : .grown, newFile: owner.object)
      }
      return
    }
    try addElsewhere(range, owner, oldFile)
  }

  /// Counts a range of a file that was not here. It may have been elsewhere on the disk, in several parts.
  private mutating func addElsewhere(_ range: Range<UInt64>, _ owner: Owner, _ oldFile: ObjectID) throws {
    var position = range.lowerBound
    while position < range.upperBound {
      let offset = owner.offset &+ (position - range.lowerBound)
      switch oldParts.part(at: offset, of: oldFile) {
      case .gap(let count):
        let end = position + min(count, range.upperBound - position)
        counts.add(end - position, .grown, newFile: owner.object)
        position = end
      case .stored(let oldOffset, let count):
        let end = position + min(count, range.upperBound - position)
        let here = position..<end
        position = end
        guard bytes != nil else {
          counts.add(end - here.lowerBound, .moved, newFile: owner.object)
          continue
        }
        var done = here.lowerBound
        while done < end, let run = try bytes?.run(done..<end, oldOffset: oldOffset &+ (done - here.lowerBound)) {
          counts.add(run.count, run.isEqual ? .moved : .rewritten, newFile: owner.object)
          done += run.count
        }
      }
    }
  }

  private mutating func addFree(_ range: Range<UInt64>, _ now: PieceUse, _ before: PieceUse) throws {
    let length = range.upperBound - range.lowerBound
    // The file that the range belonged to, if it still exists.
    var file: ObjectID?
    if before.use == .files || before.use == .unwritten, let owner = before.owners.first {
      let kept = before.owners.first { matches.newFile(of: $0.object) != nil }
      guard let kept, let new = matches.newFile(of: kept.object) else {
        return counts.add(length, .deleted, oldFile: owner.object)
      }
      // A file that has only preallocated space has no content.
      let end = self.new.map.objects.kind(of: new) == .file ? newParts.end(of: new) : 0
      guard kept.offset < end else {
        return counts.add(length, .truncated, oldFile: kept.object)
      }
      file = kept.object
    }
    func add(_ count: UInt64, _ category: ChangeCategory, to counts: inout ChangeCounts) {
      if let file {
        counts.add(count, category, oldFile: file)
      } else {
        counts.add(count, category, other: now.owners.first?.object)
      }
    }
    var position = range.lowerBound
    while position < range.upperBound {
      let rest = position..<range.upperBound
      guard let run = try bytes?.run(rest) else { return add(range.upperBound - position, .freed, to: &counts) }
      position += run.count
      if run.isEqual {
        add(run.count, before.use == .free ? .same : .freed, to: &counts)
        continue
      }
      var zeroed = rest.lowerBound
      while zeroed < position, let zeros = try bytes?.zeroRun(zeroed..<position) {
        add(zeros.count, zeros.isZero ? .trimmed : .freed, to: &counts)
        zeroed += zeros.count
      }
    }
  }

  /// Calls `body` with the length of each part of a range that is the same as before, or different; or once, with nil,
  /// if that is not known or does not matter.
  private mutating func forEachRun(
    of range: Range<UInt64>, isCompared: Bool = true, _ body: (inout ChangeCounts, UInt64, Bool?) -> Void
  ) throws {
    var position = range.lowerBound
    while position < range.upperBound {
      guard isCompared, let run = try bytes?.run(position..<range.upperBound) else {
        return body(&counts, range.upperBound - position, nil)
      }
      body(&counts, run.count, run.isEqual)
      position += run.count
    }
  }

  /// Whether a file had another path.
  private func isRenamed(_ file: ObjectID) -> Bool {
    guard let before = matches.old(of: file) else { return false }
    return matches.new(of: before) == file && old.map.objects[before].path != new.map.objects[file].path
  }

  /// Whether an object was at the same place before. Free space has no offsets that mean anything.
  private func keeps(_ owner: Owner, _ before: PieceUse) -> Bool {
    guard let old = matches.old(of: owner.object) else { return false }
    return before.owners.contains { $0.object == old && ($0.offset == owner.offset || before.use == .free) }
  }
}
