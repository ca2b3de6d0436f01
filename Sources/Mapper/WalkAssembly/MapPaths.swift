import BlockMap
import WalkRecord

/// Adds the paths of a walk's objects to a map, one name at a time, so that no full path has to be built.
package struct MapPaths {
  private let tree: ObjectTree
  /// The directories' paths, by object number less 1; nil if not known yet or too long for a map.
  private var directories: [MapPath?]

  package init(_ tree: ObjectTree) {
    self.tree = tree
    directories = [MapPath?](repeating: nil, count: tree.count)
  }

  /// Nil if the path is too long for a map.
  package mutating func path(of object: Record.ObjectID, of builder: inout BlockMapBuilder) -> MapPath? {
    let (parent, name) = tree.parentAndName(of: object)
    // The root's path is a slash: an empty name after an empty path.
    guard parent > 0 else { return builder.path([]).flatMap { builder.path([], in: $0) } }
    return path(in: parent, name: name, of: &builder)
  }

  package mutating func path(
    in parent: Record.ObjectID, name: [UInt8], of builder: inout BlockMapBuilder
  ) -> MapPath? {
    guard tree.pathBytes(of: parent) < FormatLimits.pathBytes else { return nil }
    return directory(parent, of: &builder).flatMap { builder.path(name, in: $0) }
  }

  /// The path of a directory, to which the names in it are added.
  private mutating func directory(_ object: Record.ObjectID, of builder: inout BlockMapBuilder) -> MapPath? {
    var chain: [Record.ObjectID] = []
    var next = object
    // A parent's number is smaller than its child's, so this ends at the root.
    while next > 1, directories[Int(next) - 1] == nil {
      chain.append(next)
      next = tree.parentAndName(of: next).parent
    }
    guard var path = next > 1 ? directories[Int(next) - 1] : builder.path([]) else { return nil }
    for object in chain.reversed() {
      guard let found = builder.path(tree.parentAndName(of: object).name, in: path) else { return nil }
      path = found
      directories[Int(object) - 1] = found
    }
    return path
  }
}
