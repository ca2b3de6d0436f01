@testable import BlockStack
@testable import Filesystems
@testable import WalkAssembly

/// The output of the filesystems' own tools in the appliance.
extension ParserFuzzer {
  static let extMetadata = ParserFuzzer(text: "ext-metadata") { try checkAreas(ExtMetadata.areas(parsing: $0)) }
  static let xfsMetadata = ParserFuzzer(text: "xfs-metadata") { try checkAreas(XFSMetadata.areas(parsing: $0)) }
  static let ntfsMetadata = ParserFuzzer(text: "ntfs-metadata") { try checkAreas(NTFSMetadata.areas(parsing: $0)) }

  /// The chunks, superblocks and trees that btrfs(8) prints.
  static let btrfs = ParserFuzzer(text: "btrfs") { text in
    try checkAreas(BtrfsMetadata.areas(parsing: text))
    guard let tree = BtrfsTree(parsing: text) else { return }
    try check(tree.directories.values.allSatisfy { $0.allSatisfy { !$0.isEmpty } }, "an empty block")
    try check(tree.attributes.allSatisfy { !$0.range.isEmpty }, "an empty attribute")
    try check((tree.segments ?? []).allSatisfy { !$0.range.isEmpty }, "an empty segment")
  }

  static let extInodeBlocks = ParserFuzzer(text: "ext-inode-blocks") { text in
    try checkBlocks(ExtInodeBlocks.blocks(parsing: text, inodes: inodes))
  }

  static let xfsInodeBlocks = ParserFuzzer(text: "xfs-inode-blocks") { text in
    try checkBlocks(XFSInodeBlocks.blocks(parsing: text, inodes: inodes))
  }

  /// The inodes in the questions.
  private static let inodes: [UInt64] = Array(12..<44) + [128, 131, 1 << 40]

  static func checkAreas(_ areas: [DeviceArea]) throws {
    for area in areas { try check(!area.range.isEmpty, "\(area)") }
  }

  private static func checkBlocks(_ blocks: [InodeBlock]) throws {
    for block in blocks { try check(!block.range.isEmpty, "\(block)") }
  }
}
