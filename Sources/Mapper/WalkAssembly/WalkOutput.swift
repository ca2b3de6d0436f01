import BlockMap
import WalkRecord

/// Writes what a walk found to a map.
extension WalkAssembler {
  /// An object, and what its ranges are for: together an object of the map.
  private struct Owner: Hashable {
    var object: Record.ObjectID
    var role: Role

    init(_ object: Record.ObjectID, _ role: Role) { (self.object, self.role) = (object, role) }
  }

  /// Adds what was found to the map, under every name of each object.
  ///
  /// - Returns: about how many names are left out because their paths are too long for a map.
  package func add(to builder: inout BlockMapBuilder, device: [UInt8], isCancelled: () -> Bool = { false }) -> Int {
    var left = 0
    var count = 0
    var paths = MapPaths(tree)
    let owners = Set(found.lazy.filter { $0.role != .content }.map { Owner($0.object, $0.role) })
    var linked: [Owner: [ObjectID]] = [:]
    tree.forEachLink { object, parent, name in
      let isFile = tree.kind(of: object) == .file
      let others = [Role.metadata, .unwritten].map { Owner(object, $0) }.filter { owners.contains($0) }
      guard isFile || !others.isEmpty else { return }
      let path = paths.path(in: parent, name: name, of: &builder)
      for owner in others {
        guard let path, let id = builder.addObject(kind: kind(of: owner), device: device, at: path) else { continue }
        linked[owner, default: []].append(id)
      }
      guard isFile else { return }
      if let path, let id = builder.addObject(kind: .file, device: device, at: path) {
        linked[Owner(object, .content), default: []].append(id)
      } else {
        left += 1
      }
    }
    var last: (owner: Owner, names: [ObjectID])?
    for range in found {
      count &+= 1
      if count & 0xfff == 0, isCancelled() || builder.isTooLarge { return left }
      let owner = Owner(range.object, range.role)
      if last?.owner != owner {
        let path = paths.path(of: range.object, of: &builder)
        let first = path.flatMap { builder.addObject(kind: kind(of: owner), device: device, at: $0) }
        if first == nil { left += 1 }
        last = (owner, (first.map { [$0] } ?? []) + linked[owner, default: []])
      }
      for name in last?.names ?? [] {
        builder.addRange(
          of: name, disk: Int(range.diskRange.disk), range: range.diskRange.range, objectOffset: range.offset)
      }
    }
    return left
  }

  private func kind(of owner: Owner) -> ObjectKind {
    switch owner.role {
    case .content: tree.kind(of: owner.object) == .directory ? .directory : .file
    case .metadata: .metadata
    case .unwritten: .unwritten
    }
  }
}
