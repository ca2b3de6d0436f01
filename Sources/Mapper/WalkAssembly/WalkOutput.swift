import BlockMap
import WalkRecord

/// Writes what a walk found to a map.
extension WalkAssembler {
  /// Adds what was found to the map, under every name of each object.
  ///
  /// - Returns: about how many names are left out because their paths are too long for a map.
  package func add(to builder: inout BlockMapBuilder, device: [UInt8], isCancelled: () -> Bool = { false }) -> Int {
    var left = 0
    var count = 0
    var paths = MapPaths(tree)
    let owners = Set(found.lazy.filter(\.isMetadata).map(\.object))
    var linked: [Record.ObjectID: [ObjectID]] = [:]
    var metadataLinked: [Record.ObjectID: [ObjectID]] = [:]
    tree.forEachLink { object, parent, name in
      let isFile = tree.kind(of: object) == .file
      guard isFile || owners.contains(object) else { return }
      let path = paths.path(in: parent, name: name, of: &builder)
      if owners.contains(object), let path, let id = builder.addObject(kind: .metadata, device: device, at: path) {
        metadataLinked[object, default: []].append(id)
      }
      guard isFile else { return }
      if let path, let id = builder.addObject(kind: .file, device: device, at: path) {
        linked[object, default: []].append(id)
      } else {
        left += 1
      }
    }
    var last: (object: Record.ObjectID, isMetadata: Bool, names: [ObjectID])?
    for range in found {
      count &+= 1
      if count & 0xfff == 0, isCancelled() || builder.isTooLarge { return left }
      if last?.object != range.object || last?.isMetadata != range.isMetadata {
        let kind: ObjectKind =
          range.isMetadata ? .metadata : tree.kind(of: range.object) == .directory ? .directory : .file
        let path = paths.path(of: range.object, of: &builder)
        let first = path.flatMap { builder.addObject(kind: kind, device: device, at: $0) }
        if first == nil { left += 1 }
        let others = (range.isMetadata ? metadataLinked : linked)[range.object, default: []]
        last = (range.object, range.isMetadata, (first.map { [$0] } ?? []) + others)
      }
      for name in last?.names ?? [] {
        builder.addRange(
          of: name, disk: Int(range.diskRange.disk), range: range.diskRange.range, objectOffset: range.offset)
      }
    }
    return left
  }
}
