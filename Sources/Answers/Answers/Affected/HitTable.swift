import BlockMap
import Bytes

/// Adds up what the list has of each object: 4 bytes for each object of the map, and an entry for those that it hits.
struct HitTable {
  private let map: BlockMap
  private let copied: RangeSet
  private var hits: [Affected.Hit] = []
  /// The index of each object's hit plus 1, or 0.
  private var indices: [UInt32]
  /// The index of the hit for bytes that no object covers.
  private var nowhere: Int?
  private var hint = 0

  init(_ map: BlockMap, copied: RangeSet) {
    (self.map, self.copied) = (map, copied)
    indices = [UInt32](repeating: 0, count: map.objects.count)
  }

  /// Adds a range of an object.
  /// - Parameters:
  ///   - range: does not start before the one that was added last.
  ///   - bytes: how many of its bytes the list has.
  ///   - first: where the first part of the list that touches it starts.
  mutating func add(_ range: MappedRange, _ use: SpaceUse, bytes: UInt64, first: UInt64) {
    hint = copied.index(endingAfter: range.range.lowerBound, hint: hint)
    let start = max(first, range.range.lowerBound)
    let offset = map.hasOffsets ? range.objectOffset &+ (start - range.range.lowerBound) : nil
    let index = index(of: range.object, use, start: start)
    add(bytes, readable: copied.count(in: range.range, hint: hint), offset: offset, to: index)
  }

  /// Adds bytes that are not accounted for.
  /// - Parameter device: the innermost device that they are on.
  mutating func addUnaccounted(_ piece: Range<UInt64>, _ device: Owner?) {
    let index: Int
    if let device {
      index = self.index(of: device.object, .unaccounted, start: piece.lowerBound)
    } else {
      index = nowhere ?? hits.count
      if nowhere == nil { hits.append(Affected.Hit(object: nil, use: .unaccounted, start: piece.lowerBound)) }
      nowhere = index
    }
    let offset = map.hasOffsets ? device?.offset : nil
    add(piece.upperBound - piece.lowerBound, readable: copied.count(in: piece), offset: offset, to: index)
  }

  private mutating func index(of object: ObjectID, _ use: SpaceUse, start: UInt64) -> Int {
    let known = Int(indices[Int(object.rawValue)])
    if known > 0 { return known - 1 }
    hits.append(Affected.Hit(object: object, use: use, start: start))
    indices[Int(object.rawValue)] = UInt32(hits.count)
    return hits.count - 1
  }

  private mutating func add(_ bytes: UInt64, readable: UInt64, offset: UInt64?, to index: Int) {
    // Ranges of an object can overlap on the disk as often as the map says, so the sums may not fit.
    hits[index].bytes = hits[index].bytes.addingSaturated(bytes)
    hits[index].readable = hits[index].readable.addingSaturated(readable)
    if hits[index].use.hasContent { hits[index].lost = hits[index].lost.addingSaturated(bytes - readable) }
    if let offset { hits[index].offset = min(hits[index].offset ?? .max, offset) }
  }

  /// The hits, the most bytes first.
  mutating func finish() -> [Affected.Hit] {
    for range in map.ranges {
      let index = Int(indices[Int(range.object.rawValue)])
      guard index > 0, hits[index - 1].use != .unaccounted else { continue }
      let size = hits[index - 1].size ?? 0
      hits[index - 1].size = size.addingSaturated(range.range.upperBound - range.range.lowerBound)
    }
    let order = hits.indices.sorted { a, b in
      (hits[b].bytes, hits[a].start, a) < (hits[a].bytes, hits[b].start, b)
    }
    return order.map { hits[$0] }
  }
}
