import Glibc

/// A tree of paths, which stores each directory's name once however many paths begin with it. In a directory tree a
/// thousand levels deep, the full paths of four thousand files would take a gigabyte.
///
/// It takes 24 bytes per name, 16 to 64 in the hash table, and the name.
struct PathTree: Sendable {
  private struct Node: Sendable {
    var nameStart: UInt64
    var parent: UInt32
    var nameLength: UInt32
    /// The length in bytes of the whole path.
    var pathLength: UInt32
    /// The number of names in the path.
    var depth: UInt32
  }

  /// The empty path, with which all paths begin.
  static let top: UInt32 = 0
  private static let slash: UInt8 = 0x2f

  private var nodes = [Node(nameStart: 0, parent: 0, nameLength: 0, pathLength: 0, depth: 0)]
  private var names: [UInt8] = []
  private var slots = SlotTable()
  private let hash = ByteHash()
  /// The directory of the last path, and its node. The next path is usually in the same directory.
  private var lastDirectory: [UInt8] = []
  private var lastNode = top

  /// The node of the path made of a name in a parent, added if it is new. Nil if the path is too long for a map.
  mutating func intern(_ name: UnsafeRawBufferPointer, in parent: UInt32) -> UInt32? {
    let hashed = hash(name, salt: UInt64(parent))
    if let found = slots.find(hashed, isEqual: { isName($0, name, in: parent) }) { return found }
    let above = nodes[Int(parent)]
    let length = Int(above.pathLength) + name.count + (parent == Self.top ? 0 : 1)
    guard length <= FormatLimits.pathBytes, nodes.count < Int(UInt32.max) else { return nil }
    let number = UInt32(nodes.count)
    nodes.append(
      Node(
        nameStart: UInt64(names.count), parent: parent, nameLength: UInt32(name.count), pathLength: UInt32(length),
        depth: above.depth + 1))
    names.append(contentsOf: name)
    slots.insert(hashed, number: number)
    return number
  }

  /// The same for a whole path. It is split at each slash, so the name before a leading slash is empty.
  mutating func intern(path: UnsafeRawBufferPointer) -> UInt32? {
    guard path.count <= FormatLimits.pathBytes else { return nil }
    guard let end = path.lastIndex(of: Self.slash) else { return intern(path, in: Self.top) }
    let directory = UnsafeRawBufferPointer(rebasing: path[..<end])
    let name = UnsafeRawBufferPointer(rebasing: path[(end + 1)...])
    if lastNode != Self.top, isLast(directory) { return intern(name, in: lastNode) }
    var node = Self.top
    var start = 0
    while start <= directory.count {
      let next = directory[start...].firstIndex(of: Self.slash) ?? directory.count
      guard let found = intern(UnsafeRawBufferPointer(rebasing: directory[start..<next]), in: node) else { return nil }
      node = found
      start = next + 1
    }
    lastDirectory = Array(directory)
    lastNode = node
    return intern(name, in: node)
  }

  private func isLast(_ directory: UnsafeRawBufferPointer) -> Bool {
    guard lastDirectory.count == directory.count else { return false }
    guard let bytes = directory.baseAddress, !directory.isEmpty else { return true }
    return lastDirectory.withUnsafeBytes { $0.baseAddress.map { memcmp($0, bytes, directory.count) == 0 } ?? false }
  }

  /// In bytes.
  func length(of node: UInt32) -> Int { Int(nodes[Int(node)].pathLength) }

  func parent(of node: UInt32) -> UInt32 { nodes[Int(node)].parent }

  /// Appends a path, with its names escaped as in a map.
  func appendEscaped(_ node: UInt32, to output: inout [UInt8]) {
    var chain: [UInt32] = []
    var next = node
    while next != Self.top {
      chain.append(next)
      next = nodes[Int(next)].parent
    }
    for (index, next) in chain.reversed().enumerated() {
      if index > 0 { output.append(Self.slash) }
      appendEscapedName(next, to: &output)
    }
  }

  /// The same for the last name of a path.
  func appendEscapedName(_ node: UInt32, to output: inout [UInt8]) {
    withName(of: node) { Escaping.append($0, as: .path, to: &output) }
  }

  /// Whether one path comes before another in byte order.
  func isOrderedBefore(_ a: UInt32, _ b: UInt32) -> Bool {
    guard a != b else { return false }
    var (nodeA, nodeB) = (a, b)
    while nodes[Int(nodeA)].depth > nodes[Int(nodeB)].depth { nodeA = nodes[Int(nodeA)].parent }
    while nodes[Int(nodeB)].depth > nodes[Int(nodeA)].depth { nodeB = nodes[Int(nodeB)].parent }
    // One path is the beginning of the other.
    if nodeA == nodeB { return nodeA == a }
    while nodes[Int(nodeA)].parent != nodes[Int(nodeB)].parent {
      nodeA = nodes[Int(nodeA)].parent
      nodeB = nodes[Int(nodeB)].parent
    }
    return withName(of: nodeA) { nameA in
      withName(of: nodeB) { nameB in
        for index in 0..<min(nameA.count, nameB.count) where nameA[index] != nameB[index] {
          return nameA[index] < nameB[index]
        }
        // The shorter name is followed by a slash or by nothing.
        if nameA.count < nameB.count { return nodeA == a || Self.slash < nameB[nameA.count] }
        return nodeB != b && nameA[nameB.count] < Self.slash
      }
    }
  }

  private func isName(_ node: UInt32, _ name: UnsafeRawBufferPointer, in parent: UInt32) -> Bool {
    let found = nodes[Int(node)]
    guard found.parent == parent, Int(found.nameLength) == name.count else { return false }
    guard let bytes = name.baseAddress, !name.isEmpty else { return true }
    return names.withUnsafeBytes { names in
      guard let base = names.baseAddress else { return false }
      return memcmp(base + Int(found.nameStart), bytes, name.count) == 0
    }
  }

  private func withName<R>(of node: UInt32, _ body: (UnsafeRawBufferPointer) -> R) -> R {
    let found = nodes[Int(node)]
    return names.withUnsafeBytes { names in
      let start = Int(found.nameStart)
      return body(UnsafeRawBufferPointer(rebasing: names[start..<start + Int(found.nameLength)]))
    }
  }
}
