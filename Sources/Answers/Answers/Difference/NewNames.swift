import BlockMap

extension Difference {
  /// Finds the old names of objects that have appeared.
  mutating func findNewNames() {
    let appeared = new.objects.ids.filter { entry(ofNew: $0).change == .appeared }
    let vanished = old.objects.ids.filter { entry(ofOld: $0).change == .vanished }
    if !appeared.isEmpty { findLinks(findRenamed(appeared, vanished)) }
  }

  /// - Returns: the objects that have no old name.
  private mutating func findRenamed(_ appeared: [ObjectID], _ vanished: [ObjectID]) -> [ObjectID] {
    // The last one of each list is taken first, and names should be paired in the order of the map.
    var candidates: [Places: [ObjectID]] = [:]
    for id in vanished.reversed() { candidates[Places(ofOld: id, in: self), default: []].append(id) }
    return appeared.filter { id in
      guard let found = candidates[Places(ofNew: id, in: self)]?.last,
        places(ofOld: found).lieAs(places(ofNew: id))
      else { return true }
      candidates[Places(ofNew: id, in: self)]?.removeLast()
      pair(found, id, .renamed)
      return false
    }
  }

  private mutating func findLinks(_ appeared: [ObjectID]) {
    // A device that lies where another one does is no second name of it.
    let appeared = appeared.filter { !new.objects.kind(of: $0).isDevice }
    let wanted = Set(appeared.map { Places(ofNew: $0, in: self) })
    guard !wanted.isEmpty else { return }
    var candidates: [Places: ObjectID] = [:]
    for id in old.objects.ids where entry(ofOld: id).change == .same {
      let places = Places(ofOld: id, in: self)
      if wanted.contains(places), candidates[places] == nil { candidates[places] = id }
    }
    for id in appeared {
      if let found = candidates[Places(ofNew: id, in: self)], places(ofOld: found).lieAs(places(ofNew: id)) {
        link(id, to: found)
      }
    }
  }
}

/// A short form of where an object lies. Objects that lie in the same places have the same one. The others nearly never
/// have it, whatever the map: the hash depends on a random number.
private struct Places: Hashable {
  private let kind: ObjectKind
  private let hash: Int

  init(ofOld id: ObjectID, in difference: Difference) {
    kind = difference.old.objects.kind(of: id)
    hash = Self.hash(difference.places(ofOld: id))
  }

  init(ofNew id: ObjectID, in difference: Difference) {
    kind = difference.new.objects.kind(of: id)
    hash = Self.hash(difference.places(ofNew: id))
  }

  private static func hash(_ ranges: some Sequence<MappedRange>) -> Int {
    var hasher = Hasher()
    for range in ranges {
      hasher.combine(range.disk)
      hasher.combine(range.range)
      hasher.combine(range.objectOffset)
    }
    return hasher.finalize()
  }
}
