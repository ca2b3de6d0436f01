import SystemPackage

/// debugfs as an oracle.
struct ExtTool {
  let image: FilePath

  /// What the map calls the blocks of inodes without names.
  let special: [UInt64: Set<String>] = [
    1: ["bad blocks", "bad blocks map"], 3: ["user quota"], 4: ["group quota"],
    7: ["resize inode", "reserved group descriptors"], 8: ["journal", "journal map"],
    12: ["project quota", "orphan file"],
  ]

  private func lines(_ command: String, _ blocks: [UInt64]) async throws -> [String] {
    try await tool(
      "debugfs", ["-f", "/dev/stdin", image],
      input: stride(from: 0, to: blocks.count, by: 500).map { start in
        "\(command) \(blocks[start..<min(start + 500, blocks.count)].map(String.init).joined(separator: " "))\n"
      }.joined(), limit: .seconds(600)
    ).outputLines
  }

  func owners(of blocks: [UInt64]) async throws -> [UInt64: UInt64] {
    try await lines("icheck", blocks).reduce(into: [:]) { owners, line in
      let fields = line.split(separator: "\t").map { UInt64($0) }
      if fields.count == 2, let block = fields[0], let inode = fields[1] { owners[block] = inode }
    }
  }

  func names(of inodes: Set<UInt64>) async throws -> [UInt64: Set<String>] {
    // ncheck does not name the root directory.
    try await lines("ncheck", inodes.sorted()).reduce(into: [2: ["/"]]) { names, line in
      let fields = line.split(separator: "\t", maxSplits: 1)
      guard fields.count == 2, let inode = UInt64(fields[0]) else { return }
      names[inode, default: []].insert(String(fields[1]).replacing("//", with: "/"))
    }
  }

  /// Those of the blocks that the bitmaps say are free.
  func free(_ blocks: [UInt64]) async throws -> Set<UInt64> {
    let said = try await tool(
      "debugfs", ["-f", "/dev/stdin", image], input: blocks.map { "testb \($0)\n" }.joined())
    return said.outputLines.reduce(into: []) { free, line in
      if line.hasSuffix(" not in use"), let block = line.split(separator: " ").dropFirst().first.flatMap({ UInt64($0) })
      {
        free.insert(block)
      }
    }
  }
}

/// xfs_db as an oracle.
struct XFSTool {
  let image: FilePath
  let groupBlocks: UInt64
  private let shift: UInt64

  init(_ image: FilePath) async throws {
    self.image = image
    let said = try await tool("xfs_db", ["-r", "-c", "sb 0", "-c", "p agblocks agblklog", image])
    let numbers = said.outputLines.compactMap { $0.split(separator: " ").last.flatMap { UInt64($0) } }
    guard numbers.count == 2 else { throw TestFailure("xfs_db: \(said.output.text)") }
    groupBlocks = numbers[0]
    shift = numbers[1]
  }

  struct Use {
    var type: String
    /// One name of the file, if the block belongs to one.
    var name: String?

    func isNamed(_ lines: [MapText.Line]) -> Bool {
      guard let name else { return true }
      return lines.contains { $0.path.text == "/\(name)" }
    }

    func isRight(_ line: MapText.Line) -> Bool {
      let path = line.path.text
      let names: [String: [String]] = [
        "sb": ["superblock", "backup superblock", "AGF ", "AGI ", "AGFL ", "AG header padding"], "btbno": ["bnobt "],
        "btcnt": ["cntbt "], "btino": ["inobt "], "btfino": ["finobt "], "btrmap": ["rmapbt "],
        "btrefcnt": ["refcountbt "], "freelist": ["AGFL blocks "], "inode": ["inodes"], "log": ["log"],
        "rtbitmap": ["real-time bitmap"], "rtsum": ["real-time summary"],
      ]
      if type == "free1" || type == "free2" { return line.kind == "u" }
      if let names = names[type] { return line.kind == "m" && names.contains { path.hasPrefix($0) } }
      guard path.hasPrefix("/") else { return false }
      return switch type {
      // xfs_db does not tell the blocks of the extent tree from the data. rldata is shared.
      case "data", "rldata": "fam".contains(line.kind)
      case "dir": "dm".contains(line.kind)
      default: line.kind == "m"
      }
    }
  }

  /// Parses lines such as `block 20 (0/20) type data inode 150 usr/file`.
  func uses(of blocks: [UInt64]) async throws -> [UInt64: Use] {
    let said = try await tool(
      "xfs_db", ["-r", image],
      input: "blockget -n\n"
        + blocks.map { "fsblock \(($0 / groupBlocks) << shift | ($0 % groupBlocks))\nblockuse -n\n" }.joined(),
      limit: .seconds(600))
    return said.outputLines.reduce(into: [:]) { uses, line in
      guard
        let match = line.firstMatch(
          of: /block [0-9]+ \(([0-9]+)\/([0-9]+)\) type ([a-z0-9]+)(?: inode [0-9]+(?: (.*))?)?$/),
        let group = UInt64(match.1), let block = UInt64(match.2)
      else { return }
      uses[group * groupBlocks + block] = Use(type: String(match.3), name: match.4.map(String.init))
    }
  }
}
