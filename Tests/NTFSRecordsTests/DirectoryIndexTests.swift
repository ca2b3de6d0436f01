import Testing

@testable import NTFSRecords

@Suite struct DirectoryIndexTests {
  private typealias Entry = DirectoryIndex.Entry
  private static let little = RecordImage.little

  /// An entry of a node.
  private func entry(_ number: UInt64, _ name: [UInt16], namespace: UInt8 = 1, child: UInt64? = nil) -> [UInt8] {
    let units = name.flatMap { Self.little(UInt64($0), 2) }
    let key = [UInt8](repeating: 0, count: 64) + [UInt8(name.count), namespace] + units
    let padded = key + [UInt8](repeating: 0, count: (8 - key.count % 8) % 8)
    let length = 16 + padded.count + (child == nil ? 0 : 8)
    return Self.little(number | 1 << 48, 8) + Self.little(UInt64(length), 2) + Self.little(UInt64(key.count), 2)
      + Self.little(child == nil ? 0 : 1, 4) + padded + (child.map { Self.little($0, 8) } ?? [])
  }

  private func entry(_ number: UInt64, _ name: String, child: UInt64? = nil) -> [UInt8] {
    entry(number, Array(name.utf16), child: child)
  }

  private func end(child: UInt64? = nil) -> [UInt8] {
    [UInt8](repeating: 0, count: 8) + Self.little(child == nil ? 16 : 24, 2) + [0, 0]
      + Self.little(child == nil ? 2 : 3, 4) + (child.map { Self.little($0, 8) } ?? [])
  }

  private func header(_ entries: [UInt8], first: UInt64, isLarge: Bool = false) -> [UInt8] {
    Self.little(first, 4) + Self.little(first + UInt64(entries.count), 4) + Self.little(4096, 4)
      + [isLarge ? 1 : 0, 0, 0, 0]
  }

  private func root(_ entries: [UInt8]..., isLarge: Bool = false) -> [UInt8] {
    let all = entries.flatMap { $0 }
    let value = Self.little(0x30, 4) + Self.little(1, 4) + Self.little(4096, 4) + Self.little(1, 4)
    return RecordImage.resident(0x90, value + header(all, first: 16, isLarge: isLarge) + all, text: "$I30")
  }

  /// A node as stored on disk.
  private func node(_ entries: [UInt8]...) -> [UInt8] {
    let all = entries.flatMap { $0 }
    var bytes = Array("INDX".utf8) + Self.little(40, 2) + Self.little(9, 2) + [UInt8](repeating: 0, count: 16)
    bytes += header(all, first: 40)
    bytes += [UInt8](repeating: 0, count: 64 - bytes.count) + all
    bytes += [UInt8](repeating: 0, count: 4096 - bytes.count)
    (bytes[40], bytes[41]) = (0xaa, 0x55)
    for sector in 1...8 {
      for byte in 0..<2 {
        bytes[40 + 2 * sector + byte] = bytes[sector * 512 - 2 + byte]
        bytes[sector * 512 - 2 + byte] = bytes[40 + byte]
      }
    }
    return bytes
  }

  private func list(
    _ root: [UInt8], nodes: [[UInt8]] = [], clusterSize: UInt64 = 4096
  ) -> Result<[Entry], DirectoryIndex.Failure> {
    var attributes = [root]
    let clusters = UInt64(nodes.count) * 4096 / clusterSize
    if !nodes.isEmpty {
      attributes.append(
        RecordImage.runs(
          0xa0, [0x11, UInt8(clusters), 1, 0], highest: clusters - 1, size: UInt64(nodes.count) * 4096, name: "$I30"))
    }
    var table = MemoryTable(
      records: [40: RecordImage(attributes: attributes).bytes],
      volume: [UInt8](repeating: 0, count: Int(clusterSize)) + nodes.flatMap { $0 }, clusterSize: clusterSize)
    return DirectoryIndex.entries(of: 40, in: &table, clusterSize: clusterSize)
  }

  private func runs(_ attributes: [[UInt8]]) -> [Run]? {
    var table = MemoryTable(records: [40: RecordImage(attributes: attributes).bytes], volume: [], clusterSize: 4096)
    return DirectoryIndex.runs(of: 40, in: &table)
  }

  /// A large directory without index blocks is damaged, not small.
  @Test func whereTheBlocksAre() {
    let blocks = RecordImage.runs(0xa0, [0x11, 2, 7, 0], highest: 1, size: 8192, name: "$I30")
    #expect(runs([root(end())]) == [])
    #expect(runs([root(end()), blocks]) == [Run(start: 0, count: 2, cluster: 7)])
    #expect(runs([root(end(child: 0), isLarge: true), blocks]) == [Run(start: 0, count: 2, cluster: 7)])
    #expect(runs([root(end(child: 0), isLarge: true)]) == nil)
    #expect(runs([blocks]) == nil)
  }

  private func names(_ result: Result<[Entry], DirectoryIndex.Failure>) -> Set<String>? {
    guard case .success(let entries) = result else { return nil }
    return Set(entries.map { String(decoding: $0.name, as: UTF8.self) })
  }

  @Test func smallDirectory() {
    let found = list(root(entry(50, "a"), entry(51, "é€😀"), end()))
    #expect(
      found
        == .success([
          Entry(number: 50, sequence: 1, name: Array("a".utf8)),
          Entry(number: 51, sequence: 1, name: Array("é€😀".utf8)),
        ]))
    #expect(list(root(end())) == .success([]))
    // A DOS name is another name of the same file. An unpaired surrogate is not a valid character.
    let short = list(root(entry(50, [0x41], namespace: 2), entry(50, [0xd800, 0x41]), end()))
    #expect(short == .success([Entry(number: 50, sequence: 1, name: [0xed, 0xa0, 0x80, 0x41])]))
  }

  @Test(arguments: [512, 1024, 4096] as [UInt64])
  func tree(clusterSize: UInt64) {
    let unit = 4096 / clusterSize
    let found = list(
      root(entry(50, "m", child: 0), end(child: 2 * unit)),
      nodes: [
        node(entry(51, "a"), entry(52, "b"), end()), node(entry(53, "not in use"), end()),
        node(entry(54, "x", child: 3 * unit), end()), node(entry(55, "n"), end()),
      ], clusterSize: clusterSize)
    #expect(names(found) == ["m", "a", "b", "x", "n"])
  }

  /// If a cluster is larger than a node, nodes are counted in sectors.
  @Test func severalNodesInACluster() {
    let found = list(
      root(entry(50, "m", child: 0), end(child: 8)),
      nodes: [node(entry(51, "a"), end()), node(entry(54, "x"), end())], clusterSize: 8192)
    #expect(names(found) == ["m", "a", "x"])
  }

  @Test func loopsAndDamage() {
    let loop = list(root(end(child: 0)), nodes: [node(entry(51, "a", child: 0), end())])
    #expect(loop == .failure(.damaged(found: [])))
    let both = list(root(entry(50, "m", child: 0), end(child: 0)), nodes: [node(entry(51, "a"), end())])
    #expect(both == .failure(.damaged(found: [Entry(number: 50, sequence: 1, name: [0x6d])])))
    for child in [1, 1 << 40, 1 << 63, UInt64.max] {
      #expect(names(list(root(end(child: child)), nodes: [node(end())])) == nil)
    }
    // A torn write, then something that is not a node.
    var torn = node(entry(51, "a"), end())
    torn[510] ^= 1
    #expect(names(list(root(end(child: 0)), nodes: [torn])) == nil)
    #expect(names(list(root(end(child: 0)), nodes: [[UInt8](repeating: 0, count: 4096)])) == nil)
    #expect(names(list(RecordImage.resident(0x90, [1, 2, 3], text: "$I30"))) == nil)
  }

  /// Each byte of the root and of a node takes a range of values.
  @Test func noByteIsBelieved() {
    let intact = root(entry(50, "m", child: 0), end(child: 1))
    let nodes = [node(entry(51, "a"), end()), node(entry(54, "x"), end())]
    for value in [0, 1, 7, 0x7f, 0x80, 0xff] as [UInt8] {
      for offset in 24..<intact.count {
        var bent = intact
        bent[offset] = value
        _ = list(bent, nodes: nodes)
      }
      for offset in 0..<200 {
        var bent = nodes
        bent[0][offset] = value
        _ = list(intact, nodes: bent)
      }
    }
  }
}

@Suite struct FileTraitsTests {
  private func find(_ image: RecordImage) -> FileTraits? {
    var table = MemoryTable(records: [40: image.bytes])
    return FileTraits.find(of: 40, in: &table)
  }

  @Test func reparsePoints() {
    func traits(_ tag: UInt64) -> FileTraits? {
      find(RecordImage(attributes: [RecordImage.resident(0xc0, RecordImage.little(tag, 4) + [0, 0, 0, 0])]))
    }
    for tag in [0x9000_601a, 0x9000_001a, 0x8000_0013, 0x8000_0017] as [UInt64] {
      #expect(traits(tag)?.reparseTag == UInt32(tag) && traits(tag)?.isLink == false)
    }
    for tag in [0xa000_0003, 0xa000_000c, 0xa000_001d] as [UInt64] { #expect(traits(tag)?.isLink == true) }
    #expect(find(RecordImage(attributes: [RecordImage.resident(0xc0, [1, 2])])) == nil)
  }

  @Test func filesAndDirectories() {
    #expect(
      find(RecordImage(sequence: 7))
        == FileTraits(isDirectory: false, sequence: 7, names: 0, reparseTag: nil))
    #expect(find(RecordImage(flags: 3))?.isDirectory == true)
    #expect(find(RecordImage(base: 41 | 1 << 48)) == nil)
  }
}
