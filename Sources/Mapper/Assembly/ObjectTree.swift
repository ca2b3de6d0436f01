import WalkRecord

/// The files and directories of one walk, as names and parents; a path is put together when it is asked for.
struct ObjectTree {
  private struct Node {
    var parent: UInt32
    var name: Range<Int>
    var kind: Record.Kind
  }

  private struct Link {
    var object: UInt32
    var parent: UInt32
    var name: Range<Int>
  }

  private var nodes: [Node] = []
  private var links: [Link] = []
  private var names: [UInt8] = []

  /// Objects, each counted once.
  private(set) var directories = 0
  private(set) var files = 0

  mutating func add(
    id: Record.ObjectID, parent: Record.ObjectID, kind: Record.Kind, name: [UInt8]
  ) throws(AssemblyError) {
    guard id == UInt64(nodes.count) + 1, parent < id, let parent = UInt32(exactly: parent) else {
      throw .unknownObject(id)
    }
    nodes.append(Node(parent: parent, name: take(name), kind: kind))
    switch kind {
    case .directory: directories += 1
    case .file: files += 1
    case .other: break
    }
  }

  mutating func addLink(to id: Record.ObjectID, parent: Record.ObjectID, name: [UInt8]) throws(AssemblyError) {
    guard contains(id), contains(parent), let object = UInt32(exactly: id), let parent = UInt32(exactly: parent) else {
      throw .unknownObject(id)
    }
    links.append(Link(object: object, parent: parent, name: take(name)))
  }

  var ids: some RandomAccessCollection<Record.ObjectID> { (0..<nodes.count).lazy.map { UInt64($0) + 1 } }

  func contains(_ id: Record.ObjectID) -> Bool { id >= 1 && id <= nodes.count }

  func kind(of id: Record.ObjectID) -> Record.Kind { nodes[Int(id) - 1].kind }

  /// All paths of an object with more than one name, the first name's excepted.
  func forEachLink(_ body: (Record.ObjectID, [UInt8]) -> Void) {
    for link in links { body(UInt64(link.object), path(parent: link.parent, name: link.name)) }
  }

  /// `/` for the root, `/dir/file` otherwise.
  func path(of id: Record.ObjectID) -> [UInt8] {
    let node = nodes[Int(id) - 1]
    return node.parent == 0 ? [0x2f] : path(parent: node.parent, name: node.name)
  }

  /// The path of a name in a directory.
  func path(in parent: Record.ObjectID, name: [UInt8]) -> [UInt8] {
    guard contains(parent) else { return [0x2f] }
    let directory = path(of: parent)
    return (directory == [0x2f] ? directory : directory + [0x2f]) + name
  }

  private func path(parent: UInt32, name: Range<Int>) -> [UInt8] {
    var parts = [name]
    var next = parent
    // A parent's number is less than its child's, so this ends at the root.
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
