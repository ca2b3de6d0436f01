import BlockStack
import Bytes

/// What ext2, ext3 and ext4 store besides files, as dumpe2fs(8) and debugfs(8) print it.
///
/// Each kind of block group area is one object for the whole filesystem, in the order of the groups. Thus the offset
/// of an inode in the inode table, divided by the inode size, is the inode number minus 1.
enum ExtMetadata {
  static let tools = ["dumpe2fs", "debugfs"]

  /// Prints what `areas(parsing:)` parses, for the device `$d`: some lines of `dumpe2fs -h`, the groups as printed by
  /// `dumpe2fs -g`, and debugfs's block lists of the inodes that have no name. `-c` keeps debugfs from reading the
  /// bitmaps, of which a large filesystem has thousands. Only the resize inode's list starts with a doubly indirect
  /// block (DIND); the rest of that list consists of reserved descriptors, which dumpe2fs reports, and is dropped.
  static let script = """
    h=$(timeout 600 dumpe2fs -h $d | sed -nE \
      's/^((Block|Inode|Group descriptor) size|(Inodes|Blocks) per group|Reserved GDT blocks|MMP block number|\
    (Journal|User quota|Group quota|Project quota|Orphan file) inode):[[:space:]]+([0-9]+)$/\\1: \\5/p; \
    s/^Filesystem features:[[:space:]]+(.*)$/features \\1/p')
    echo "$h"
    timeout 600 dumpe2fs -g $d | grep -E '^[0-9]+:' | head -c 256M
    { echo 'stat <1>'
      echo "$h" | sed -nE 's/^(Journal|.* quota|Orphan file) inode: (.*)/stat <\\2>/p'
      echo 'stat <7>'
    } | timeout 600 debugfs -c -f /proc/self/fd/0 $d | sed -nE \
      's/^debugfs: stat <([0-9]+)>$/inode \\1/p; /^\\(DIND\\)/ { s/,.*//p; d }; /^\\(/p' | head -c 64M
    """

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
    var inode: InodeName?
    for line in lines {
      if line.hasPrefix("inode ") {
        inode = UInt64(line.dropFirst(6)).flatMap { InodeName($0, numbers) }
      } else if line.hasPrefix("(") {
        if let inode { addBlocks(line, of: inode, blockSize, to: &areas) }
      } else if line.first?.isNumber == true {
        groups.add(line, to: &areas)
      }
    }
    return areas
  }

  /// The name of an inode that belongs to no file.
  private struct InodeName {
    var name: String

    init?(_ number: UInt64, _ numbers: ToolNumbers) {
      switch number {
      case 1: name = "bad blocks"
      case 7: name = "resize inode"
      case numbers["Journal inode"]: name = "journal"
      case numbers["User quota inode"]: name = "user quota"
      case numbers["Group quota inode"]: name = "group quota"
      case numbers["Project quota inode"]: name = "project quota"
      case numbers["Orphan file inode"]: name = "orphan file"
      default: return nil
      }
    }
  }

  /// Adds one of debugfs's lists: `(0-11):505-516, (IND):517, (12-267[u]):518-773`. An entry without a number in
  /// parentheses is a mapping block.
  private static func addBlocks(
    _ list: Substring, of inode: InodeName, _ blockSize: UInt64, to areas: inout [DeviceArea]
  ) {
    for entry in list.parts(between: ",") {
      let parts = entry.parts(between: ":")
      guard parts.count == 2, let blocks = range(parts[1].trimmed) else { continue }
      let fileBlocks = parts[0].trimmed.dropFirst().prefix { $0 != ")" && $0 != "[" }
      let first = range(fileBlocks)?.lowerBound
      guard let count = (blocks.upperBound - blocks.lowerBound).times(blockSize) else { continue }
      areas.add(
        first == nil && inode.name != "resize inode" ? "\(inode.name) map" : inode.name,
        at: blocks.lowerBound.times(blockSize), count: count, offset: (first ?? 0).times(blockSize))
    }
  }

  /// Parses `5` or `5-8`.
  fileprivate static func range(_ text: Substring) -> Range<UInt64>? {
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
