import Bytes
import WalkAssembly

/// The values of extended attributes that ext4 stores in separate inodes (`ea_inode`), as debugfs(8) prints them.
/// Files with the same value share an inode.
enum ExtAttributeValues {
  /// The largest value that Linux accepts; other systems may accept larger ones.
  private static let maximumBytes: UInt64 = 1 << 20
  /// The limit on blocks for one whole answer: many files may share a value.
  private static let maximumBlocks = 1 << 20
  /// EXT4_EA_INODE_FL.
  private static let flag: UInt64 = 0x20_0000

  /// Prints what `blocks(parsing:size:)` parses, for the device `$d`. The file `$e` holds the inodes and their
  /// attribute blocks, as printed by the script of `ExtInodeBlocks`; this script overwrites it. Text after `end`,
  /// which stands for a link's target, comes from the guest and is skipped.
  static let script = """
    sed -nE '/^end$/,/^inode /{ /^inode /!d; }
      s/^inode ([0-9]+)$/inode_dump -x <\\1>/p; s/^acl ([1-9][0-9]*)$/block_dump -x \\1/p' $e >$q.values
    timeout 600 debugfs -c -f $q.values $d | sed -nE '
      s/^debugfs: inode_dump -x <([0-9]+)>$/owner \\1/p
      s/^value_offset = .*, value_inum = ([1-9][0-9]*), .*/value \\1/p' | head -c 64M | tee $e
    sed -nE 's/^value ([0-9]+)$/stat <\\1>/p' $e | sort -u >$q.values
    timeout 600 debugfs -c -f $q.values $d | sed -nE '
      s/^debugfs: stat <([0-9]+)>$/holder \\1/p
      s/^Inode: [0-9]+ .* Flags: 0x([0-9a-f]+)$/flags \\1/p
      /^\\(/ { s/, /\\n/g; s/^/piece /mg; p; }' | grep -E '^(holder|flags|piece \\([0-9A-Z-]+\\):)' | head -c 64M
    """

  /// - Parameter size: the size of a block, in bytes.
  static func blocks(parsing lines: some Sequence<Substring>, size: UInt64) -> [InodeBlock] {
    var owners: [UInt64: [UInt64]] = [:]
    var result: [InodeBlock] = []
    var owner: UInt64?
    var holder: UInt64?
    for line in lines {
      let fields = line.fields
      guard fields.count == 2 else { continue }
      let number = UInt64(fields[1])
      switch fields[0] {
      case "owner": owner = number
      case "value":
        guard let owner, let number else { continue }
        // Two attributes of an inode may have the same value.
        if owners[number]?.last != owner { owners[number, default: []].append(owner) }
      case "holder": holder = number
      case "flags":
        // Without the flag this is an ordinary file, whose data is not the value of an attribute.
        if UInt64(fields[1], radix: 16).map({ $0 & flag == 0 }) ?? true { holder = nil }
      case "piece":
        guard let holder, let piece = piece(fields[1], size: size) else { continue }
        for owner in owners[holder, default: []] {
          guard result.count < maximumBlocks else { return result }
          result.append(InodeBlock(inode: owner, range: piece.range, offset: piece.offset))
        }
      default: continue
      }
    }
    return result
  }

  /// Parses `(0-7):8705-8712`, `(8):8720`, or a block that maps other blocks: `(ETB0):13`, `(IND):14`.
  private static func piece(_ text: Substring, size: UInt64) -> (range: Range<UInt64>, offset: UInt64)? {
    let parts = text.parts(between: ":")
    guard parts.count == 2, parts[0].hasPrefix("("), parts[0].hasSuffix(")") else { return nil }
    let blocks = parts[1].parts(between: "-").map { UInt64($0) }
    guard let first = blocks.first ?? nil, let last = blocks.last ?? nil, first > 0, first <= last, blocks.count <= 2,
      let start = first.times(size), let end = last.plus(1)?.times(size)
    else { return nil }
    let block = parts[0].dropFirst().dropLast().parts(between: "-").first.flatMap { UInt64($0) } ?? 0
    guard end - start <= maximumBytes, let offset = block.times(size), offset < maximumBytes else { return nil }
    return (start..<end, offset)
  }
}
