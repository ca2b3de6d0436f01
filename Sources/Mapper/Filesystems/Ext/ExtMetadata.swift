import BlockStack
import Bytes

/// What ext2, ext3 and ext4 store besides files, and their free space, as dumpe2fs(8) and debugfs(8) print it.
///
/// Each kind of block group area is one object for the whole filesystem, in the order of the groups. Thus the offset
/// of an inode in the inode table, divided by the inode size, is the inode number minus 1.
enum ExtMetadata {
  static let tools = ["dumpe2fs", "debugfs"]

  /// Prints what `areas(parsing:)` parses, for the device `$d`: some lines of `dumpe2fs -h`, the groups as printed by
  /// `dumpe2fs -g`, and debugfs's block lists of the inodes that have no name. `-c` keeps debugfs from reading the
  /// bitmaps, of which a large filesystem has thousands. Only the resize inode's list starts with a doubly indirect
  /// block (DIND); the rest of that list consists of reserved descriptors, which dumpe2fs reports, and is dropped.
  /// The last run of dumpe2fs reads the bitmaps, and prints one list of free blocks for each group.
  static let script = """
    echo "Device size: $(blockdev --getsize64 $d)"
    h=$(timeout 600 dumpe2fs -h $d | sed -nE \
      's/^((Block|Inode|Group descriptor|Cluster) size|Block count|(Inodes|Blocks) per group|Reserved GDT blocks|MMP block number|\
    (Journal|User quota|Group quota|Project quota|Orphan file) inode|First orphan inode):[[:space:]]+([0-9]+)$/\\1: \\5/p; \
    s/^Filesystem features:[[:space:]]+(.*)$/features \\1/p')
    echo "$h"
    timeout 600 dumpe2fs -g $d | grep -E '^[0-9]+:' | head -c 256M
    { echo 'stat <1>'
      echo "$h" | sed -nE 's/^(Journal|.* quota|Orphan file) inode: (.*)/stat <\\2>/p'
      printf 'stat <%s>\\n' 5 6 9 10 7
    } | timeout 600 debugfs -c -f /proc/self/fd/0 $d | sed -nE \
      's/^debugfs: stat <([0-9]+)>$/inode \\1/p; /^\\(DIND\\)/ { s/,.*//; p; d }; /^\\(/p' | head -c 64M
    o=$(echo "$h" | sed -nE 's/^First orphan inode: //p')
    for i in $(seq \(maximumOrphans)); do
      [ "${o:-0}" != 0 ] || break
      t=$(timeout 600 debugfs -c -R "stat <$o>" $d | sed -nE 's/^ *dtime: (0x[0-9a-f]+):.*/next \\1/p; \
        s/^File ACL: ([1-9][0-9]*).*/(ACL):\\1/p; /^\\(/p' | head -c 16M)
      printf 'orphan %s\\n' "$o"
      echo "$t" | grep '^('
      o=$(echo "$t" | sed -n 's/^next //p' | head -n 1)
      o=$((${o:-0}))
    done
    timeout 600 dumpe2fs $d | sed -nE 's/^  Free blocks: ([-0-9, ]*)$/free \\1/p' | head -c 256M
    """

  /// The maximum length of the list of deleted inodes that were still open. The filesystem is usually mounted before,
  /// which empties the list.
  private static let maximumOrphans = 100

  /// The size of the area before the superblock, which is reserved for the first stage of a boot loader.
  private static let bootBlockBytes: UInt64 = 1024
  private static let superblockBytes: UInt64 = 1024

  static func areas(parsing text: String) -> [DeviceArea] {
    let lines = text.lines
    let header = lines.prefix { !($0.first?.isNumber ?? false) }
    let numbers = ToolNumbers(header)
    guard let blockSize = numbers["Block size"], (1024...65536).contains(blockSize) else { return [] }
    let features = header.first { $0.hasPrefix("features ") }?.fields.dropFirst() ?? []
    var areas: [DeviceArea] = []
    areas.add("boot block", at: 0, count: bootBlockBytes, kind: .boot)
    // The rest of the superblock's block is unused.
    areas.add("superblock", at: bootBlockBytes, count: max(superblockBytes, blockSize - bootBlockBytes))
    areas.add("multiple mount protection", at: numbers["MMP block number"]?.times(blockSize), count: blockSize)

    let groups = GroupReader(numbers: numbers, blockSize: blockSize, hasMetaGroups: features.contains("meta_bg"))
    var free = ExtFreeSpace(numbers: numbers, blockSize: blockSize)
    var inode: String?
    for line in lines {
      if line.hasPrefix("free ") {
        free.add(line.dropFirst(5))
      } else if line.hasPrefix("inode ") {
        inode = UInt64(line.dropFirst(6)).flatMap { name(ofInode: $0, numbers) }
      } else if line.hasPrefix("orphan ") {
        inode = UInt64(line.dropFirst(7)).map { "orphan inode \($0)" }
      } else if line.hasPrefix("(") {
        if let inode { addBlocks(line, of: inode, blockSize, to: &areas) }
      } else if line.first?.isNumber == true {
        groups.add(line, to: &areas)
      }
    }
    // The reserved blocks of the first group are a list of those of the others, so they are not the same.
    areas.concatenate { $0.hasSuffix(" map") || $0 == "resize inode" || $0 == "reserved group descriptors" }
    return areas + free.areas()
  }

  /// Blocks or, with `bigalloc`, clusters.
  static func allocationUnits(parsing text: String) -> AllocationUnits? {
    let numbers = ToolNumbers(text.lines.prefix { !($0.first?.isNumber ?? false) })
    guard let blockSize = numbers["Block size"] else { return nil }
    return AllocationUnits(
      nameOfLost: "lost blocks", end: numbers["Block count"]?.times(blockSize),
      size: max(blockSize, numbers["Cluster size"] ?? 0))
  }

  /// Whether the output has a list of free blocks for every group. dumpe2fs prints none if it cannot read a bitmap.
  static func isComplete(_ text: String) -> Bool {
    let lines = text.lines
    return lines.count { $0.hasPrefix("free ") } == lines.count { $0.first?.isNumber ?? false }
  }

  /// The name of an inode that belongs to no file.
  private static func name(ofInode number: UInt64, _ numbers: ToolNumbers) -> String? {
    switch number {
    case 1: "bad blocks"
    case 5: "boot loader"
    case 6: "undelete directory"
    case 7: "resize inode"
    case numbers["Journal inode"]: "journal"
    case numbers["User quota inode"]: "user quota"
    case numbers["Group quota inode"]: "group quota"
    case numbers["Project quota inode"]: "project quota"
    case numbers["Orphan file inode"]: "orphan file"
    // What snapshots and replicas of ext4, which Linux does not have, keep there.
    case 9: "exclude inode"
    case 10: "replica inode"
    default: nil
    }
  }

  /// Adds one of debugfs's lists: `(0-11):505-516, (IND):517, (12-267[u]):518-773`. An entry without a number in
  /// parentheses is a mapping block.
  private static func addBlocks(
    _ list: Substring, of inode: String, _ blockSize: UInt64, to areas: inout [DeviceArea]
  ) {
    for entry in list.parts(between: ",") {
      let parts = entry.parts(between: ":")
      guard parts.count == 2, let blocks = range(parts[1].trimmed) else { continue }
      let fileBlocks = parts[0].trimmed.dropFirst().prefix { $0 != ")" && $0 != "[" }
      let first = range(fileBlocks)?.lowerBound
      guard let count = (blocks.upperBound - blocks.lowerBound).times(blockSize) else { continue }
      areas.add(
        first == nil && inode != "resize inode" ? "\(inode) map" : inode,
        at: blocks.lowerBound.times(blockSize), count: count, offset: (first ?? 0).times(blockSize))
    }
  }

  /// Parses `5` or `5-8`.
  static func range(_ text: Substring) -> Range<UInt64>? {
    let ends = text.parts(between: "-", omittingEmptySubsequences: false)
    guard (1...2).contains(ends.count), let first = UInt64(ends[0]), let last = UInt64(ends[ends.count - 1]),
      first <= last, last < UInt64.max
    else { return nil }
    return first..<last + 1
  }
}

/// Reads the lines of `dumpe2fs -g`: `GROUP:BLOCK:SUPERBLOCK:DESCRIPTORS:BLOCK-BITMAP:INODE-BITMAP:INODE-TABLE`. The
/// fields are block numbers on the device (for the inode table, its first block); -1 means that the group has none.
private struct GroupReader {
  var numbers: ToolNumbers
  var blockSize: UInt64
  /// Whether the descriptors are in the groups that they describe (`meta_bg`), one block for as many groups as fit.
  var hasMetaGroups: Bool

  func add(_ line: Substring, to areas: inout [DeviceArea]) {
    let fields = line.parts(between: ":", omittingEmptySubsequences: false)
    guard fields.count == 7, let group = UInt64(fields[0]) else { return }
    if group > 0 { areas.add("backup superblock", at: bytes(fields[2]), count: blockSize) }
    addDescriptors(fields[3], of: group, to: &areas)
    areas.add("block bitmap", at: bytes(fields[4]), count: blockSize, offset: group.times(blockSize))
    areas.add("inode bitmap", at: bytes(fields[5]), count: blockSize, offset: group.times(blockSize))
    guard let inodes = numbers["Inodes per group"], let size = numbers["Inode size"]?.times(inodes) else { return }
    areas.add("inode table", at: bytes(fields[6]), count: size, offset: group.times(size))
  }

  private func addDescriptors(_ field: Substring, of group: UInt64, to areas: inout [DeviceArea]) {
    guard let blocks = ExtMetadata.range(field),
      let count = (blocks.upperBound - blocks.lowerBound).times(blockSize)
    else { return }
    let start = blocks.lowerBound.times(blockSize)
    let size = numbers["Group descriptor size"] ?? 32
    if hasMetaGroups, size > 0, blockSize >= size {
      let groupsInBlock = blockSize / size
      areas.add(
        group % groupsInBlock == 0 ? "group descriptors" : "backup group descriptors", at: start, count: count,
        offset: (group / groupsInBlock).times(blockSize))
      return
    }
    areas.add(group == 0 ? "group descriptors" : "backup group descriptors", at: start, count: count)
    if let reserved = numbers["Reserved GDT blocks"]?.times(blockSize) {
      areas.add("reserved group descriptors", at: start?.plus(count), count: reserved)
    }
  }

  private func bytes(_ block: Substring) -> UInt64? { UInt64(block)?.times(blockSize) }
}
