import BlockMap

/// A request with what lies under it, in disk order and without gaps.
struct AttributedRequest: Sendable {
  /// A part over which the same ranges of the map lie.
  struct Part: Sendable {
    /// The bytes on the disk.
    var range: Range<UInt64>
    /// How many owners, from the first one on, are the most specific.
    var namedCount: Int
    /// How many more ranges of the map lie here than are listed.
    var unlisted: Int
    /// Whether it was written since the map was made.
    var isStale = false
    /// Whether it is what was left when the parts became too many: what lies here was not looked up.
    var isRest = false
    fileprivate var ownersEnd = 0

    init(range: Range<UInt64>, namedCount: Int = 0, unlisted: Int = 0) {
      self.range = range
      self.namedCount = namedCount
      self.unlisted = unlisted
    }

    init(rest range: Range<UInt64>) {
      self.init(range: range)
      isRest = true
    }
  }

  private(set) var parts: [Part] = []
  /// Of all parts, one after the other.
  private var owners: [Owner] = []

  /// The owner at one of the places that `owners(of:)` or `named(in:)` gives.
  @inline(__always)
  subscript(owner place: Int) -> Owner { owners[place] }

  /// The places of all that cover a part, the most specific first, equally specific ones in the order of the map; empty if
  /// nothing does.
  @inline(__always)
  func owners(of part: Int) -> Range<Int> { (part == 0 ? 0 : parts[part - 1].ownersEnd)..<parts[part].ownersEnd }

  /// So that a map of whatever ranges costs no more than a few megabytes for a request.
  private static let mostParts = 1 << 16
  private static let mostOwners = 1 << 18

  /// Whether there is room for another part and its owners.
  var hasRoom: Bool { parts.count < Self.mostParts && owners.count < Self.mostOwners }

  /// Adds to the rest, which becomes the last part.
  mutating func addToRest(_ range: Range<UInt64>) {
    if let last = parts.last, last.isRest {
      parts[parts.count - 1].range = last.range.lowerBound..<range.upperBound
    } else {
      add(Part(rest: range))
    }
  }

  /// The places of the most specific ones.
  @inline(__always)
  func named(in part: Int) -> Range<Int> {
    let all = owners(of: part)
    return all.lowerBound..<all.lowerBound + min(parts[part].namedCount, all.count)
  }

  /// Adds an owner of the part that is added next.
  mutating func add(_ owner: Owner) { owners.append(owner) }

  mutating func add(_ part: Part) {
    parts.append(part)
    parts[parts.count - 1].ownersEnd = owners.count
  }

  /// Splits the parts where they were written in part.
  mutating func split(by written: WrittenSectors) {
    let whole = self
    removeAll()
    for number in whole.parts.indices {
      let range = whole.parts[number].range
      var start = range.lowerBound
      while start < range.upperBound {
        let run = written.run(in: start..<range.upperBound)
        for place in whole.owners(of: number) {
          var owner = whole[owner: place]
          owner.offset &+= start - range.lowerBound
          add(owner)
        }
        var part = whole.parts[number]
        part.range = start..<run.end
        part.isStale = run.isWritten
        add(part)
        start = run.end
      }
    }
  }

  mutating func removeAll() {
    parts.removeAll(keepingCapacity: true)
    owners.removeAll(keepingCapacity: true)
  }
}
