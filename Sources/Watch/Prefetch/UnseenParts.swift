import AccessLog

/// Passes on each byte of the disks once, and joins parts that continue each other. Ranges that only a hostile log has,
/// because no request is so long and no disk so large, are passed on each time.
struct UnseenParts {
  /// By disk.
  private var seen: [Int: SectorSet] = [:]
  private var pending: PrefetchPart?

  /// - Parameters:
  ///   - parts: that belong together. They do not overlap, but can share sectors.
  ///   - emit: called with each part that is complete.
  mutating func add(_ parts: [PrefetchPart], _ emit: (PrefetchPart) throws -> Void) rethrows {
    for part in parts { try addUnseen(part, emit) }
    for part in parts where SectorSet.canTake(part.range) { seen[part.disk, default: SectorSet()].insert(part.range) }
  }

  /// Emits the last part.
  mutating func finish(_ emit: (PrefetchPart) throws -> Void) rethrows {
    if let pending { try emit(pending) }
    pending = nil
  }

  private mutating func addUnseen(_ part: PrefetchPart, _ emit: (PrefetchPart) throws -> Void) rethrows {
    var start = part.range.lowerBound
    while start < part.range.upperBound {
      let rest = start..<part.range.upperBound
      let known = SectorSet.canTake(part.range) ? seen[part.disk] : nil
      let run = known?.run(in: rest) ?? (contains: false, end: rest.upperBound)
      if !run.contains {
        var new = part
        new.range = start..<run.end
        new.offset = part.offset.map { $0 &+ (start - part.range.lowerBound) }
        try join(new, emit)
      }
      start = run.end
    }
  }

  private mutating func join(_ part: PrefetchPart, _ emit: (PrefetchPart) throws -> Void) rethrows {
    if var last = pending {
      if last.isContinued(by: part) {
        last.range = last.range.lowerBound..<part.range.upperBound
        pending = last
        return
      }
      try emit(last)
    }
    pending = part
  }
}
