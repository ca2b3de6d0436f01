import BlockStack
import Bytes

/// What Btrfs's logical addresses are used for, as its extent tree says.
struct BtrfsExtents {
  /// The blocks of trees. The offsets of their areas are logical addresses.
  private(set) var blocks: [DeviceArea] = []
  /// File data, in order; neighbours are merged.
  private(set) var data: [Range<UInt64>] = []
  /// The first version of the free space cache, which is stored like file data.
  private(set) var cache: [Range<UInt64>] = []
  /// The size of all extents, in bytes.
  private(set) var size: UInt64 = 0

  /// Prints what `init(parsing:)` reads, for the filesystem on the device `$d`: a line for each extent, followed by
  /// lines about it.
  ///
  /// Some versions of the tool print the sequence number of a reference before it.
  static let script = """
    timeout 600 btrfs inspect-internal dump-tree --hide-names -t extent $d | sed -nE \
      's/^[[:space:]]+item [0-9]+ key \\(([0-9]+) EXTENT_ITEM ([0-9]+)\\).*/extent \\1 \\2/p; t
      s/^[[:space:]]+item [0-9]+ key \\(([0-9]+) METADATA_ITEM .*/block \\1/p; t
      s/^[[:space:]]+item [0-9]+ key \\([0-9]+ TREE_BLOCK_REF ([0-9A-Z_]+)\\).*/root \\1/p; t
      s/^[[:space:]]+item [0-9]+ key \\([0-9]+ SHARED_BLOCK_REF ([0-9]+)\\).*/parent \\1/p; t
      s/.*[[:space:]]tree block key .*/tree/p; t
      s/.*[[:space:]]tree block backref root ([0-9A-Z_]+).*/root \\1/p; t
      s/.*[[:space:]]shared block backref parent ([0-9]+).*/parent \\1/p; t
      s/.*[[:space:]]extent data backref root (1|ROOT_TREE) .*/cache/p' | head -c 512M
    """

  /// A tree as the tool names it: by its ID or by a name that depends on the version.
  private static func name(ofTree tree: Substring) -> String {
    switch tree {
    case "1", "ROOT_TREE": "root tree"
    case "2", "EXTENT_TREE": "extent tree"
    case "3", "CHUNK_TREE": "chunk tree"
    case "4", "DEV_TREE": "device tree"
    case "5", "FS_TREE": "fs tree"
    case "7", "CSUM_TREE": "csum tree"
    case "8", "QUOTA_TREE": "quota tree"
    case "9", "UUID_TREE": "uuid tree"
    case "10", "FREE_SPACE_TREE": "free space tree"
    case "11", "BLOCK_GROUP_TREE": "block group tree"
    case "12", "RAID_STRIPE_TREE": "raid stripe tree"
    case "18446744073709551607", "DATA_RELOC_TREE": "data relocation tree"
    case "18446744073709551608", "TREE_RELOC": "relocation tree"
    case "18446744073709551610", "TREE_LOG": "log tree"
    default: UInt64(tree).map { "subvolume \($0)" } ?? unknownTree
    }
  }

  private static let unknownTree = "tree block"
  /// The most trees that one block is said to belong to: snapshots share blocks.
  private static let maximumTrees = 64
  /// Btrfs's trees are not deeper than this.
  private static let maximumDepth = 8

  private struct Block {
    var start: UInt64
    /// Positions in `names`; empty if the block is known only to belong to a block above it.
    var trees: [Int] = []
    var parent: UInt64?
  }

  private struct Extent {
    var start: UInt64
    /// In bytes; nil for the size of a block.
    var length: UInt64?
    var isBlock = false
    var isCache = false
    var trees: [Int] = []
    var parent: UInt64?
  }

  /// - Parameter nodeSize: the size of a block of a tree, in bytes.
  init(parsing lines: [Substring], nodeSize: UInt64) {
    var names = TreeNames()
    var found: [Block] = []
    var current: Extent?
    for line in lines {
      let fields = line.fields
      switch fields.first {
      case "extent" where fields.count == 3, "block" where fields.count == 2:
        if let current { add(current, nodeSize, &found) }
        current = UInt64(fields[1]).map {
          Extent(start: $0, length: fields.count == 3 ? UInt64(fields[2]) : nil, isBlock: fields.count == 2)
        }
      case "tree": current?.isBlock = true
      case "cache": current?.isCache = true
      case "root" where fields.count == 2:
        let tree = names.position(of: Self.name(ofTree: fields[1]))
        if let trees = current?.trees, trees.count < Self.maximumTrees, !trees.contains(tree) {
          current?.trees.append(tree)
        }
      case "parent" where fields.count == 2: if current?.parent == nil { current?.parent = UInt64(fields[1]) }
      default: continue
      }
    }
    if let current { add(current, nodeSize, &found) }
    addBlocks(found, nodeSize, names)
  }

  private mutating func add(_ extent: Extent, _ nodeSize: UInt64, _ found: inout [Block]) {
    let length = extent.isBlock ? nodeSize : extent.length ?? 0
    guard length > 0, let end = extent.start.plus(length), let sum = size.plus(length) else { return }
    size = sum
    if extent.isBlock {
      found.append(Block(start: extent.start, trees: extent.trees, parent: extent.parent))
    } else if extent.isCache {
      cache.append(extent.start..<end)
    } else if let last = data.last, last.upperBound == extent.start {
      data[data.count - 1] = last.lowerBound..<end
    } else {
      data.append(extent.start..<end)
    }
  }

  private mutating func addBlocks(_ found: [Block], _ nodeSize: UInt64, _ names: TreeNames) {
    // The first of two blocks with the same address counts.
    let positions = Dictionary(zip(found.map(\.start), found.indices), uniquingKeysWith: { first, _ in first })
    // The area of each tree that was added last.
    var last: [String: Int] = [:]
    for block in found {
      var owner = block
      var depth = 0
      while owner.trees.isEmpty, depth < Self.maximumDepth, let above = owner.parent.flatMap({ positions[$0] }) {
        owner = found[above]
        depth += 1
      }
      let range = block.start..<block.start + nodeSize
      for name in owner.trees.isEmpty ? [Self.unknownTree] : owner.trees.map({ names.all[$0] }) {
        if let index = last[name], blocks[index].range.upperBound == range.lowerBound {
          blocks[index].range = blocks[index].range.lowerBound..<range.upperBound
        } else {
          last[name] = blocks.count
          blocks.append(DeviceArea(name: name, range: range, offset: range.lowerBound, device: BtrfsTree.device))
        }
      }
    }
  }

  /// The names of trees. Each is stored once.
  private struct TreeNames {
    private(set) var all: [String] = []
    private var positions: [String: Int] = [:]

    mutating func position(of name: String) -> Int {
      if let known = positions[name] { return known }
      positions[name] = all.count
      all.append(name)
      return all.count - 1
    }
  }
}
