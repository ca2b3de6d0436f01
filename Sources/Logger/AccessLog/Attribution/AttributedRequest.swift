import BlockMap

/// A request and the ranges of the map under it, in disk order and without gaps.
package struct AttributedRequest: Sendable {
  /// A part of the request over which the same ranges of the map lie.
  struct Part: Sendable {
    /// In bytes of the disk.
    var range: Range<UInt64>
    /// How many owners, from the first one on, are the most specific.
    var namedCount: Int
    /// How many more ranges of the map lie here than are listed.
    var unlisted: Int
    /// Whether this part has been written since the map was made.
    var isStale = false
    /// Whether the log is to name this part.
    var isSelected = true
    /// Whether this is the rest of a request with too many parts. The objects in it have not been looked up.
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

  /// Whether the log names every request, so that one without selected parts is in the log, too.
  var isUnfiltered = true
  private(set) var parts: [Part] = []
  /// The owners of all parts, one part after the other.
  private var owners: [Owner] = []

  /// The owner at an index from `owners(of:)` or `named(in:)`.
  @inline(__always)
  subscript(owner index: Int) -> Owner { owners[index] }

  /// The indices of all owners of a part, the most specific first, equally specific ones in the order of the map. Empty
  /// if nothing covers the part.
  @inline(__always)
  func owners(of part: Int) -> Range<Int> { (part == 0 ? 0 : parts[part - 1].ownersEnd)..<parts[part].ownersEnd }

  /// Limits, so that a request costs no more than a few megabytes whatever ranges the map has.
  private static let maximumParts = 1 << 16
  private static let maximumOwners = 1 << 18

  /// Whether there is room for another part and its owners.
  var hasRoom: Bool { parts.count < Self.maximumParts && owners.count < Self.maximumOwners }

  /// Adds a range to the rest, which becomes the last part.
  mutating func addToRest(_ range: Range<UInt64>) {
    if let last = parts.last, last.isRest {
      parts[parts.count - 1].range = last.range.lowerBound..<range.upperBound
    } else {
      add(Part(rest: range))
    }
  }

  /// The indices of the most specific owners of a part.
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

  mutating func select(_ part: Int, _ isSelected: Bool) { parts[part].isSelected = isSelected }

  /// Splits the parts that have been written only partly.
  mutating func split(by written: SectorSet) {
    let whole = self
    removeAll()
    for number in whole.parts.indices {
      let range = whole.parts[number].range
      var start = range.lowerBound
      while start < range.upperBound {
        let run = written.run(in: start..<range.upperBound)
        for index in whole.owners(of: number) {
          var owner = whole[owner: index]
          owner.offset &+= start - range.lowerBound
          add(owner)
        }
        var part = whole.parts[number]
        part.range = start..<run.end
        part.isStale = run.contains
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
