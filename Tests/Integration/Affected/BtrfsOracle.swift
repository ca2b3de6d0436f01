import SystemPackage

/// What `btrfs inspect-internal dump-tree` says about the files of a Btrfs filesystem.
struct BtrfsOracle {
  /// The parts of the logical address space that hold data, by chunk. The offset is a logical address; the place is on
  /// the device with this number.
  var chunks: [(device: Int, piece: StoredVolume.Piece)] = []
  /// The sectors of each file, by logical address.
  var files: [String: [UInt64]] = [:]
  /// Files that are in leaves of the tree, or compressed.
  var others: Set<String> = []

  /// - Parameters:
  ///   - image: one of the devices, with all metadata.
  ///   - tree: the number of the subvolume; 5 is the top level.
  init(_ image: FilePath, tree: Int) async throws {
    try await readChunks(image)
    let said = try await tool("btrfs", ["inspect-internal", "dump-tree", "-t", "\(tree)", image])
    var names: [UInt64: [(parent: UInt64, name: String)]] = [:]
    var extents: [UInt64: [Range<UInt64>]] = [:]
    var otherInodes: Set<UInt64> = []
    var (inode, parent): (UInt64, UInt64) = (0, 0)
    var extent: (address: UInt64, isData: Bool) = (0, false)
    for line in said.outputLines {
      if let item = line.firstMatch(of: /item \d+ key \((\d+) ([A-Z_]+) (\d+)\)/) {
        (inode, parent) = (UInt64(item.1) ?? 0, UInt64(item.3) ?? 0)
      } else if let name = line.firstMatch(of: /^\t+index \d+ namelen \d+ name: (.*)/) {
        names[inode, default: []].append((parent, String(name.1)))
      } else if line.contains(" type 0 (inline)") {
        otherInodes.insert(inode)
      } else if let data = line.firstMatch(of: /extent data disk byte (\d+) nr (\d+)/) {
        extent = (UInt64(data.1) ?? 0, data.1 != "0")
      } else if let data = line.firstMatch(of: /extent data offset (\d+) nr (\d+)/), extent.isData {
        let start = extent.address + (UInt64(data.1) ?? 0)
        extents[inode, default: []].append(start..<start + (UInt64(data.2) ?? 0))
      } else if line.contains("extent compression"), !line.contains("(none)") {
        otherInodes.insert(inode)
      }
    }
    func paths(_ inode: UInt64, depth: Int = 0) -> [String] {
      guard inode != 256 else { return [""] }
      guard depth < 30 else { return [] }
      return (names[inode] ?? []).flatMap { name in paths(name.parent, depth: depth + 1).map { "\($0)/\(name.name)" } }
    }
    for inode in otherInodes { others.formUnion(paths(inode)) }
    for (inode, ranges) in extents where !otherInodes.contains(inode) {
      let sectors = ranges.flatMap { Array($0.lowerBound / 512..<$0.upperBound / 512) }
      for path in paths(inode) { files[path] = sectors }
    }
  }

  private mutating func readChunks(_ image: FilePath) async throws {
    let said = try await tool("btrfs", ["inspect-internal", "dump-tree", "-t", "chunk", image])
    var (start, length, isData): (UInt64, UInt64, Bool) = (0, 0, false)
    for line in said.outputLines {
      if let chunk = line.firstMatch(of: /CHUNK_ITEM (\d+)\)/) {
        start = UInt64(chunk.1) ?? 0
      } else if let chunk = line.firstMatch(of: /length (\d+) owner \d+ stripe_len \d+ type (\S+)/) {
        (length, isData) = (UInt64(chunk.1) ?? 0, chunk.2.hasPrefix("DATA"))
      } else if let stripe = line.firstMatch(of: /stripe \d+ devid (\d+) offset (\d+)/), isData {
        let piece = StoredVolume.Piece(offset: start, diskOffset: UInt64(stripe.2) ?? 0, length: length)
        chunks.append((Int(stripe.1) ?? 0, piece))
      }
    }
  }

  /// Compares the files, as `StoredVolume.compare` does.
  func compare(_ volume: StoredVolume, _ answer: AffectedAnswer, _ ranges: [Range<UInt64>]) -> Int {
    volume.compare(
      answer, ranges, owners: owners(of: volume.sectors(in: ranges).keys), kinds: ["f"], unknown: others)
  }

  /// The names of the files that have each sector.
  private func owners(of sectors: some Sequence<UInt64>) -> [UInt64: Set<String>] {
    let wanted = Set(sectors)
    var result: [UInt64: Set<String>] = [:]
    for (path, own) in files {
      for sector in own where wanted.contains(sector) { result[sector, default: []].insert(path) }
    }
    return result
  }
}
