import Bytes
import WalkAssembly

/// The values of extended attributes that ext4 keeps in inodes of their own (`ea_inode`), as debugfs(8) tells them. Files
/// with the same value share one.
enum ExtAttributeValues {
  /// Linux takes no larger value; other systems may.
  private static let mostBytes: UInt64 = 1 << 20
  /// In all of an answer: values may be shared by many.
  private static let mostBlocks = 1 << 20
  /// EXT4_EA_INODE_FL.
  private static let flag: UInt64 = 0x20_0000

  /// Prints what `blocks(parsing:size:)` reads, of the device `$d`. The file `$e` has the inodes and the blocks with
  /// attributes, as the script of `ExtKeptBlocks` leaves them, and is written over. What is behind a link's target is the
  /// guest's.
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

  /// - Parameter size: of a block, in bytes.
  static func blocks(parsing lines: some Sequence<Substring>, size: UInt64) -> [KeptBlock] {
    var owners: [UInt64: [UInt64]] = [:]
    var result: [KeptBlock] = []
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
        // The same value may be that of two attributes.
        if owners[number]?.last != owner { owners[number, default: []].append(owner) }
      case "holder": holder = number
      case "flags":
        // Another file's data are no value of an attribute.
        if UInt64(fields[1], radix: 16).map({ $0 & flag == 0 }) ?? true { holder = nil }
      case "piece":
        guard let holder, let piece = piece(fields[1], size: size) else { continue }
        for owner in owners[holder, default: []] {
          guard result.count < mostBlocks else { return result }
          result.append(KeptBlock(inode: owner, range: piece.range, offset: piece.offset))
        }
      default: continue
      }
    }
    return result
  }

  /// `(0-7):8705-8712`, `(8):8720`, or a block that says where the others are: `(ETB0):13`, `(IND):14`.
  private static func piece(_ text: Substring, size: UInt64) -> (range: Range<UInt64>, offset: UInt64)? {
    let parts = text.parts(between: ":")
    guard parts.count == 2, parts[0].hasPrefix("("), parts[0].hasSuffix(")") else { return nil }
    let blocks = parts[1].parts(between: "-").map { UInt64($0) }
    guard let first = blocks.first ?? nil, let last = blocks.last ?? nil, first > 0, first <= last, blocks.count <= 2,
      let start = first.times(size), let end = last.plus(1)?.times(size)
    else { return nil }
    let place = parts[0].dropFirst().dropLast().parts(between: "-").first.flatMap { UInt64($0) } ?? 0
    guard end - start <= mostBytes, let offset = place.times(size), offset < mostBytes else { return nil }
    return (start..<end, offset)
  }
}
