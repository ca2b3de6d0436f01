import WalkRecord

/// The files and directories of one walk, stored as names and parents. Paths are built on demand.
package struct ObjectTree {
  private struct Node {
    var parent: UInt32
    var name: Range<Int>
    var kind: Record.Kind
    /// Number of directories above it.
    var depth: UInt32
    /// Length of its path.
    var pathBytes: UInt32
  }

  private struct Link {
    var object: UInt32
    var parent: UInt32
    var name: Range<Int>
  }

  /// The limits on the number of names and on their total size in bytes.
  private let maximumNames: Int
  private let maximumBytes: Int
  private var nodes: [Node] = []
  private var links: [Link] = []
  private var names: [UInt8] = []

  /// The number of objects, each counted once however many names it has.
  package private(set) var directories = 0
  package private(set) var files = 0

  /// - Parameters:
  ///   - maximumNames: the maximum number of names.
  ///   - maximumBytes: the approximate maximum size of all names, in bytes.
  package init(maximumNames: Int = .max, maximumBytes: Int = .max) {
    self.maximumNames = maximumNames
    self.maximumBytes = maximumBytes
  }

  /// Adds an object. The first must be the root, a directory without a parent or a name.
  package mutating func add(
    id: Record.ObjectID, parent: Record.ObjectID, kind: Record.Kind, name: [UInt8]
  ) throws(AssemblyError) {
    guard id == UInt64(nodes.count) + 1, parent < id, let parentNumber = UInt32(exactly: parent) else {
      throw .unknownObject(id)
    }
    if parent == 0 {
      guard id == 1, kind == .directory, name.isEmpty else { throw .badParent(id) }
      nodes.append(Node(parent: 0, name: 0..<0, kind: kind, depth: 0, pathBytes: 0))
      directories += 1
      return
    }
    try checkName(name, of: id, in: parent)
    let above = nodes[Int(parent) - 1]
    guard above.depth < WalkBounds.depth else { throw .tooDeep }
    nodes.append(
      Node(
        parent: parentNumber, name: take(name), kind: kind, depth: above.depth + 1,
        // Cannot overflow, because depth and name length are limited.
        pathBytes: above.pathBytes + 1 + UInt32(name.count)))
    switch kind {
    case .directory: directories += 1
    case .file: files += 1
    case .other: break
    }
  }

  package mutating func addLink(to id: Record.ObjectID, parent: Record.ObjectID, name: [UInt8]) throws(AssemblyError) {
    guard contains(id), contains(parent), let object = UInt32(exactly: id), let parentNumber = UInt32(exactly: parent)
    else {
      throw .unknownObject(id)
    }
    guard kind(of: id) != .directory else { throw .badParent(id) }
    try checkName(name, of: id, in: parent)
    links.append(Link(object: object, parent: parentNumber, name: take(name)))
  }

  package var ids: some RandomAccessCollection<Record.ObjectID> { (0..<nodes.count).lazy.map { UInt64($0) + 1 } }

  private func checkName(
    _ name: [UInt8], of id: Record.ObjectID, in parent: Record.ObjectID
  ) throws(AssemblyError) {
    guard contains(parent), kind(of: parent) == .directory else { throw .badParent(id) }
    guard WalkBounds.isName(name) else { throw .badName }
    guard nodes.count + links.count < maximumNames, nodes.count < UInt32.max, names.count <= maximumBytes else {
      throw .tooManyNames(min(maximumNames, nodes.count + links.count))
    }
  }

  /// The number of objects.
  package var count: Int { nodes.count }

  package func contains(_ id: Record.ObjectID) -> Bool { id >= 1 && id <= nodes.count }

  package func kind(of id: Record.ObjectID) -> Record.Kind { nodes[Int(id) - 1].kind }

  /// Calls `body` with every name of an object but its first: the directory and the name in it.
  package func forEachLink(_ body: (Record.ObjectID, _ parent: Record.ObjectID, _ name: [UInt8]) -> Void) {
    for link in links { body(UInt64(link.object), UInt64(link.parent), Array(names[link.name])) }
  }

  /// `/` for the root, `/dir/file` otherwise.
  package func path(of id: Record.ObjectID) -> [UInt8] {
    let node = nodes[Int(id) - 1]
    return node.parent == 0 ? [0x2f] : path(parent: node.parent, name: node.name)
  }

  /// The length of an object's path in bytes; 0 for the root.
  package func pathBytes(of id: Record.ObjectID) -> Int { contains(id) ? Int(nodes[Int(id) - 1].pathBytes) : 0 }

  /// The directory that an object is in, 0 for the root, and its name there.
  package func parentAndName(of id: Record.ObjectID) -> (parent: Record.ObjectID, name: [UInt8]) {
    let node = nodes[Int(id) - 1]
    return (UInt64(node.parent), Array(names[node.name]))
  }

  /// The path of a name in a directory.
  package func path(in parent: Record.ObjectID, name: [UInt8]) -> [UInt8] {
    guard contains(parent) else { return [0x2f] }
    let directory = path(of: parent)
    return (directory == [0x2f] ? directory : directory + [0x2f]) + name
  }

  private func path(parent: UInt32, name: Range<Int>) -> [UInt8] {
    var parts = [name]
    var next = parent
    // A parent's number is smaller than its child's, so this ends at the root.
    while next != 0, nodes[Int(next) - 1].parent != 0 {
      parts.append(nodes[Int(next) - 1].name)
      next = nodes[Int(next) - 1].parent
    }
    var result: [UInt8] = []
    result.reserveCapacity(parts.reduce(0) { $0 + $1.count + 1 })
    for part in parts.reversed() {
      result.append(0x2f)
      result.append(contentsOf: names[part])
    }
    return result
  }

  private mutating func take(_ name: [UInt8]) -> Range<Int> {
    let start = names.count
    names.append(contentsOf: name)
    return start..<names.count
  }
}
