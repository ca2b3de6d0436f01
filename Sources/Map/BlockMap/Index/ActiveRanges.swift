/// The ranges that cover the current position of a sweep, the most specific first.
///
/// Only the ranges that are listed (`MapIndex.ownersListed` at most) are kept sorted. The others are in a heap, so
/// that adding or removing a range takes O(log n) time however many overlap.
struct ActiveRanges {
  private struct Entry: Comparable {
    /// The range's index in the map.
    let index: Int
    let mapped: MappedRange
    let kind: ObjectKind
    /// The number of the last list that started with this range. It can usually be reused, since the ranges around
    /// this one rarely change.
    var list: Int?

    private var length: UInt64 { mapped.range.upperBound &- mapped.range.lowerBound }

    static func == (a: Entry, b: Entry) -> Bool { a.index == b.index }

    /// Whether `a` comes before `b` in the list.
    static func < (a: Entry, b: Entry) -> Bool {
      if a.kind.specificity != b.kind.specificity { return a.kind.specificity > b.kind.specificity }
      return a.length != b.length ? a.length < b.length : a.index < b.index
    }

    /// Among nested devices, the innermost is more specific.
    func isAsSpecific(as other: Entry) -> Bool {
      kind.specificity == other.kind.specificity && (!kind.isDevice || length == other.length)
    }
  }

  private var listed: [Entry] = []
  /// The ranges that are not listed. Ranges that have ended stay here until it is their turn to be listed.
  private var others = Heap<Entry>()
  /// How many ranges cover the current position, including those in `others`.
  private var count = 0

  /// Adds a range that starts at the current position.
  mutating func insert(_ index: Int, of map: BlockMap) {
    let mapped = map.ranges[index]
    let entry = Entry(index: index, mapped: mapped, kind: map.objects.kind(of: mapped.object))
    count += 1
    var position = listed.count
    while position > 0, entry < listed[position - 1] { position -= 1 }
    listed.insert(entry, at: position)
    if listed.count > MapIndex.ownersListed { others.insert(listed.removeLast()) }
  }

  /// Removes the `ended` ranges that end at the current position.
  mutating func remove(_ ended: Int, endingAt border: UInt64) {
    count -= ended
    listed.removeAll { $0.mapped.range.upperBound == border }
    while listed.count < min(count, MapIndex.ownersListed), let next = others.removeFirst() {
      if next.mapped.range.upperBound > border { listed.append(next) }
    }
  }

  /// The list of the ranges at the current position. New lists of others are appended to `lists`; if that is full, no
  /// range is listed, only their number.
  mutating func owners(in lists: inout [OwnerList]) -> OwnerList {
    guard lists.count <= OwnerList.maximumLists - MapIndex.ownersListed else {
      return OwnerList(end: OwnerList.Others(unlisted: count))
    }
    var others = OwnerList.Others(unlisted: count - listed.count)
    guard !listed.isEmpty else { return OwnerList(end: others) }
    for index in listed.indices.dropFirst().reversed() {
      if let list = listed[index].list, lists[list].others == others {
        others = OwnerList.Others(list: list)
        continue
      }
      let list = lists.count
      lists.append(self.list(from: index, others))
      listed[index].list = list
      others = OwnerList.Others(list: list)
    }
    return list(from: 0, others)
  }

  private func list(from index: Int, _ others: OwnerList.Others) -> OwnerList {
    let (entry, next) = (listed[index], index + 1)
    return OwnerList(
      entry.mapped.object, shift: entry.mapped.objectOffset &- entry.mapped.range.lowerBound,
      isSecondEqual: next < listed.count && entry.isAsSpecific(as: listed[next]), others: others)
  }
}
