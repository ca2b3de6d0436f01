import BlockMap

/// Which object of one state continues which object of the other: 4 bytes for each object of both maps.
///
/// An object continues the one with the same kind, device and path. A file with a new path continues the
/// file that began at the same place on the disk: it is a new hard link if the old name is still there. Otherwise it
/// may have been renamed, or a new file took the place of an old one.
package struct ObjectMatches: Sendable {
  /// A file whose path has changed.
  package struct NewName: Equatable, Sendable {
    /// In the old map.
    package var old: ObjectID
    /// In the new map.
    package var new: ObjectID
  }

  private static let none = UInt32.max

  private let oldMap: BlockMap
  private let newMap: BlockMap
  /// Indexed by objects of the new map.
  private var oldObjects: [UInt32]
  /// Indexed by objects of the old map.
  private var newObjects: [UInt32]
  /// The files that have another name now, in the order of the new map.
  package private(set) var renamed: [NewName] = []
  /// The additional names of files that have kept their old name.
  package private(set) var linked: [NewName] = []

  /// - Parameter isSameFile: whether a file of the old map and one of the new map, which begin at the same place, in this
  ///   range, are the same file.
  package init(
    _ old: MapIndex, _ new: MapIndex, isSameFile: (_ old: ObjectID, _ new: ObjectID, Range<UInt64>) throws -> Bool
  ) rethrows {
    (oldMap, newMap) = (old.map, new.map)
    oldObjects = [UInt32](repeating: Self.none, count: newMap.objects.count)
    newObjects = [UInt32](repeating: Self.none, count: oldMap.objects.count)
    for id in newMap.objects.ids {
      let object = newMap.objects[id]
      guard let found = oldMap.objects.find(kind: object.kind, device: object.device, path: object.path) else {
        continue
      }
      match(found, id)
    }
    var scratch: [Owner] = []
    for range in newMap.ranges
    where range.objectOffset == 0 && newMap.objects.kind(of: range.object) == .file
      && self.old(of: range.object) == nil
    {
      let device = newMap.objects.device(of: range.object)
      let found = Self.files(beginningAt: range, on: device, in: old, scratch: &scratch)
      guard let kept = found.first(where: { self.new(of: $0) != nil }) ?? found.first else { continue }
      if let other = self.new(of: kept) {
        // The old name may belong to another file now.
        let names = Self.files(beginningAt: range, on: device, in: new, scratch: &scratch)
        guard names.contains(other) else { continue }
        linked.append(NewName(old: kept, new: range.object))
        oldObjects[Int(range.object.rawValue)] = kept.rawValue
      } else if try isSameFile(kept, range.object, range.range) {
        renamed.append(NewName(old: kept, new: range.object))
        match(kept, range.object)
      }
    }
  }

  /// The files of a device whose first byte is that of a range.
  private static func files(
    beginningAt range: MappedRange, on device: [UInt8], in index: MapIndex, scratch: inout [Owner]
  ) -> [ObjectID] {
    var found: [ObjectID] = []
    let first = range.range.lowerBound
    index.forEachPiece(of: first..<first &+ 1, disk: Int(range.disk), scratch: &scratch) { _, owners in
      for position in owners.indices {
        let owner = owners[position]
        guard owner.offset == 0, index.map.objects.kind(of: owner.object) == .file,
          index.map.objects.device(of: owner.object) == device
        else { continue }
        found.append(owner.object)
      }
    }
    return found
  }

  private mutating func match(_ old: ObjectID, _ new: ObjectID) {
    oldObjects[Int(new.rawValue)] = old.rawValue
    newObjects[Int(old.rawValue)] = new.rawValue
  }

  /// The object of the old map that an object of the new map continues.
  package func old(of object: ObjectID) -> ObjectID? { Self.object(oldObjects[Int(object.rawValue)]) }

  /// The object of the new map that continues an object of the old map.
  package func new(of object: ObjectID) -> ObjectID? { Self.object(newObjects[Int(object.rawValue)]) }

  /// The same for a file, which can be there with only its content, or with only preallocated space.
  package func oldFile(of object: ObjectID) -> ObjectID? {
    old(of: object) ?? Self.otherKind(of: newMap.objects[object], in: oldMap)
  }

  package func newFile(of object: ObjectID) -> ObjectID? {
    new(of: object) ?? Self.otherKind(of: oldMap.objects[object], in: newMap)
  }

  private static func otherKind(of object: MappedObject, in map: BlockMap) -> ObjectID? {
    switch object.kind {
    case .file: map.objects.find(kind: .unwritten, device: object.device, path: object.path)
    case .unwritten: map.objects.find(kind: .file, device: object.device, path: object.path)
    default: nil
    }
  }

  private static func object(_ value: UInt32) -> ObjectID? { value == none ? nil : ObjectID(rawValue: value) }
}
