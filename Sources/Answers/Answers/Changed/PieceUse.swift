import BlockMap

/// What a piece of a disk is used for, and the objects that say so.
struct PieceUse {
  let use: SpaceUse
  /// Several if the file has hard links, or if files share data. If nothing says what the piece is used
  /// for, the innermost device; empty if there is none.
  private(set) var owners: [Owner]

  init(_ owners: Span<Owner>, of map: BlockMap) {
    var use = SpaceUse.unaccounted
    var found: [Owner] = []
    for position in owners.indices {
      let owner = owners[position]
      guard let said = SpaceUse(map.objects.kind(of: owner.object)), said.rawValue <= use.rawValue else { continue }
      if said != use { found.removeAll() }
      use = said
      found.append(owner)
    }
    self.use = use
    self.owners = found
    // The innermost device comes first.
    if use == .unaccounted, !owners.isEmpty { self.owners = [owners[0]] }
  }

  private init(use: SpaceUse, owners: [Owner]) {
    self.use = use
    self.owners = owners
  }

  /// The same with only some of the owners.
  func keeping(_ isKept: (ObjectID) -> Bool) -> PieceUse {
    PieceUse(use: use, owners: owners.filter { isKept($0.object) })
  }

  /// The same for a part of the piece that starts this many bytes later.
  func advanced(by count: UInt64) -> PieceUse {
    PieceUse(use: use, owners: owners.map { Owner(object: $0.object, offset: $0.offset &+ count) })
  }
}
