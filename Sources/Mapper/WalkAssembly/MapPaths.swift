import BlockMap
import WalkRecord

/// The paths of a walk's objects in the map that is being made, name by name, so that no path is put together.
package struct MapPaths {
  private let tree: ObjectTree
  /// Of directories, by their numbers less 1; nil for those that are not known yet or are too long for a map.
  private var directories: [MapPath?]

  package init(_ tree: ObjectTree) {
    self.tree = tree
    directories = [MapPath?](repeating: nil, count: tree.count)
  }

  /// Nil for a path that is too long for a map.
  package mutating func path(of object: Record.ObjectID, of builder: inout BlockMapBuilder) -> MapPath? {
    let (parent, name) = tree.place(of: object)
    // The root's path is a slash, which is an empty name behind nothing.
    guard parent > 0 else { return builder.path([]).flatMap { builder.path([], in: $0) } }
    return path(in: parent, name: name, of: &builder)
  }

  package mutating func path(
    in parent: Record.ObjectID, name: [UInt8], of builder: inout BlockMapBuilder
  ) -> MapPath? {
    guard tree.pathBytes(of: parent) < FormatLimits.pathBytes else { return nil }
    return directory(parent, of: &builder).flatMap { builder.path(name, in: $0) }
  }

  /// What the paths of what is in a directory begin with.
  private mutating func directory(_ object: Record.ObjectID, of builder: inout BlockMapBuilder) -> MapPath? {
    var chain: [Record.ObjectID] = []
    var next = object
    // A parent's number is less than its child's, so this ends at the root.
    while next > 1, directories[Int(next) - 1] == nil {
      chain.append(next)
      next = tree.place(of: next).parent
    }
    guard var path = next > 1 ? directories[Int(next) - 1] : builder.path([]) else { return nil }
    for object in chain.reversed() {
      guard let found = builder.path(tree.place(of: object).name, in: path) else { return nil }
      path = found
      directories[Int(object) - 1] = found
    }
    return path
  }
}
