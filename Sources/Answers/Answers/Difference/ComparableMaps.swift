import BlockMap

extension Difference {
  /// Why two maps cannot be of the same disks; nil if they can. A map in the 2014 format does not say how large its
  /// disks are.
  package static func mismatch(of old: BlockMap, _ new: BlockMap) -> String? {
    for (map, place) in [(old, "first"), (new, "second")] where map.hasOffsets && map.disks.isEmpty {
      return "the \(place) map has no disk"
    }
    guard !old.disks.isEmpty, !new.disks.isEmpty else { return nil }
    guard old.disks.count == new.disks.count else {
      return "the first map has \(count(of: old)), the second one \(count(of: new))"
    }
    for (index, disks) in zip(old.disks, new.disks).enumerated() where disks.0.size != disks.1.size {
      return "disk \(index + 1) has \(disks.0.size) bytes in the first map and \(disks.1.size) in the second one"
    }
    return nil
  }

  private static func count(of map: BlockMap) -> String { map.disks.count == 1 ? "1 disk" : "\(map.disks.count) disks" }

  /// Everything but the objects that are the same, ordered by device, path and kind.
  package func changed() -> [Entry] {
    let entries =
      old.objects.ids.map { entry(ofOld: $0) }.filter { $0.change == .vanished }
      + new.objects.ids.map { entry(ofNew: $0) }.filter { $0.change != .same }
    return entries.sorted { a, b in
      let (first, second) = (name(of: a), name(of: b))
      let devices = (first.objects.device(of: first.id), second.objects.device(of: second.id))
      if devices.0 != devices.1 { return devices.0.lexicographicallyPrecedes(devices.1) }
      let order = first.objects.withPath(of: first.id) { one in
        second.objects.withPath(of: second.id) { other in Self.order(one, other) }
      }
      let kinds = (first.objects.kind(of: first.id).rawValue, second.objects.kind(of: second.id).rawValue)
      return order != 0 ? order < 0 : (kinds.0, a.change.rawValue) < (kinds.1, b.change.rawValue)
    }
  }

  /// The object by whose name an entry is known: the new one, if there is one.
  private func name(of entry: Entry) -> (objects: ObjectTable, id: ObjectID) {
    entry.new.map { (new.objects, $0) } ?? (old.objects, entry.old ?? ObjectID(rawValue: 0))
  }

  /// Below 0 if `a` comes first. An object without a path comes before those with one.
  private static func order(_ a: UnsafeRawBufferPointer?, _ b: UnsafeRawBufferPointer?) -> Int {
    guard let a, let b else { return (a == nil ? 0 : 1) - (b == nil ? 0 : 1) }
    if a.lexicographicallyPrecedes(b) { return -1 }
    return b.lexicographicallyPrecedes(a) ? 1 : 0
  }
}
