import BlockMap

/// What became of the objects of one map in another map of the same disks.
///
/// An object is the same in both maps if its kind, device and path are. Besides the maps and their `ObjectRanges`, a
/// value takes 9 bytes for each object.
package struct Difference: Sendable {
  /// What became of an object.
  package enum Change: UInt8, Sendable {
    /// It lies where it was.
    case same
    /// It lies elsewhere, and has as many bytes on the disks as before.
    case moved
    /// It has more or fewer bytes on the disks than before.
    case size
    /// It is only in the new map.
    case appeared
    /// It is only in the old map.
    case vanished
    /// An object that is only in the new map lies exactly where one was that is only in the old map.
    case renamed
    /// An object that is only in the new map lies exactly where one is that did not change: another hard link, or a
    /// clone.
    case linked
  }

  /// A pair of objects, or an object that is in one of the maps only.
  package struct Entry: Hashable, Sendable {
    package var change: Change
    /// The object in the old map; for `renamed` and `linked`, one with another name. Nil if it has appeared.
    package var old: ObjectID?
    /// The object in the new map; nil if it has vanished.
    package var new: ObjectID?
  }

  private static let none = UInt32.max

  package let old: BlockMap
  package let new: BlockMap
  package let oldRanges: ObjectRanges
  package let newRanges: ObjectRanges
  /// Whether the offsets in the objects are compared, too. A map in the 2014 format has none.
  private let hasOffsets: Bool

  /// The new object for each old one that is the same or was renamed.
  private var newOfOld: [UInt32]
  /// The old object for each new one.
  private var oldOfNew: [UInt32]
  /// What became of each new object.
  private var changes: [Change]

  package init(from old: BlockMap, to new: BlockMap) {
    (self.old, self.new) = (old, new)
    (oldRanges, newRanges) = (ObjectRanges(old), ObjectRanges(new))
    hasOffsets = old.hasOffsets && new.hasOffsets
    newOfOld = [UInt32](repeating: Self.none, count: old.objects.count)
    oldOfNew = [UInt32](repeating: Self.none, count: new.objects.count)
    changes = [Change](repeating: .appeared, count: new.objects.count)
    for id in old.objects.ids {
      let object = old.objects[id]
      guard let found = new.objects.find(kind: object.kind, device: object.device, path: object.path) else { continue }
      pair(id, found, compared(id, found))
    }
    findNewNames()
  }

  /// What became of an object of the old map. Another name that it may have got as well is not told here.
  package func entry(ofOld id: ObjectID) -> Entry {
    let new = newOfOld[Int(id.rawValue)]
    guard new != Self.none else { return Entry(change: .vanished, old: id, new: nil) }
    return Entry(change: changes[Int(new)], old: id, new: ObjectID(rawValue: new))
  }

  /// What an object of the new map was.
  package func entry(ofNew id: ObjectID) -> Entry {
    let old = oldOfNew[Int(id.rawValue)]
    return Entry(
      change: changes[Int(id.rawValue)], old: old == Self.none ? nil : ObjectID(rawValue: old), new: id)
  }

  /// How many bytes an object of the old map has on the disks. Every copy of the same data counts.
  package func bytes(ofOld id: ObjectID) -> UInt64 { oldRanges.ranges(of: id).bytes }

  package func bytes(ofNew id: ObjectID) -> UInt64 { newRanges.ranges(of: id).bytes }

  /// The places of an object of the old map, with those that continue each other joined.
  func places(ofOld id: ObjectID) -> some Sequence<MappedRange> {
    JoinedRanges(oldRanges.ranges(of: id), hasOffsets: hasOffsets)
  }

  func places(ofNew id: ObjectID) -> some Sequence<MappedRange> {
    JoinedRanges(newRanges.ranges(of: id), hasOffsets: hasOffsets)
  }

  mutating func pair(_ old: ObjectID, _ new: ObjectID, _ change: Change) {
    newOfOld[Int(old.rawValue)] = new.rawValue
    oldOfNew[Int(new.rawValue)] = old.rawValue
    changes[Int(new.rawValue)] = change
  }

  /// Marks a new object as another name of one that did not change.
  mutating func link(_ new: ObjectID, to old: ObjectID) {
    oldOfNew[Int(new.rawValue)] = old.rawValue
    changes[Int(new.rawValue)] = .linked
  }

  private func compared(_ old: ObjectID, _ new: ObjectID) -> Change {
    if places(ofOld: old).lieAs(places(ofNew: new)) { return .same }
    return places(ofOld: old).bytes == places(ofNew: new).bytes ? .moved : .size
  }
}
