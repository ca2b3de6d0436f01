import BlockStack
import Bytes

/// What XFS stores besides files, and its free space, as xfs_db(8) prints it.
enum XFSMetadata {
  static let tools = ["xfs_db"]

  /// Prints what `areas(parsing:)` parses, for the device `$d`: some fields of the superblock, then for each allocation
  /// group its B+trees and its free list. In between are the extents of inodes that have no name.
  ///
  /// xfs_db is asked because it knows all versions of these trees and checks their headers. Of the trees that say
  /// nothing new, only the blocks are printed. The number of groups is limited to what no real filesystem reaches; a
  /// damaged superblock may claim any number.
  static let script = """
    s=$(timeout 600 xfs_db -r -c 'sb 0' -c 'p blocksize agblocks agcount sectsize logstart logblocks dblocks inodesize' \
      -c 'p agblklog inopblog rbmino rsumino uquotino gquotino pquotino' -c version $d)
    echo "device = $(blockdev --getsize64 $d)"
    echo "$s" | sed -nE 's/^([a-z]+ = [0-9]+)$/\\1/p'
    l=$(echo "$s" | sed -nE 's/^logstart = ([0-9]+)$/\\1/p')
    if [ "$l" != 0 ]; then
      timeout 600 xfs_db -r -c "convert fsblock ${l:-0} byte" $d | sed -nE 's/.*\\(([0-9]+)\\)$/log = \\1/p'
    fi
    f=$(echo "$s" | sed -nE 's/^versionnum .* = (.*)$/,\\1,/p')
    n=$(echo "$s" | sed -nE 's/^agcount = ([0-9]+)$/\\1/p')
    \(unlinked)
    q='echo ag &\\nagf &\\np flfirst fllast flcount\\naddr bnoroot\\nbtdump -i\\nagf &\\naddr cntroot\\nbtdump -i'
    case $f in *,RMAPBT,*) q="$q\\nagf &\\naddr rmaproot\\nbtdump -i" ;; esac
    case $f in *,REFLINK,*) q="$q\\nagf &\\naddr refcntroot\\nbtdump -i" ;; esac
    q="$q\\nagi &\\naddr root\\nbtdump -i"
    case $f in *,FINOBT,*) q="$q\\nagi &\\naddr free_root\\nbtdump -i" ;; esac
    q="$q\\nagfl &\\np bno"
    { seq 0 $((${n:-0} - 1)) | head -n \(maximumGroups) | sed "s/.*/$q/"
      echo "$s" | sed -nE \
        's/^(rbmino|rsumino|[ugp]quotino) = ([1-9][0-9]*)$/echo inode \\1\\ninode \\2\\nbmap -d\\nbtdump -i/p'
      echo 'echo end'
    } | timeout 600 xfs_db -r $d | sed -nE '
      s/^(xfs_db> )*//
      /^(ag [0-9]+|inode [a-z]+|end) *$/{ p; s/.*//; h; }
      /^(flfirst|fllast|flcount) = [0-9]+$/p
      /^bno\\[[0-9-]+\\] = /p
      /^(bno|cnt|rmap|refcnt|ino|fino)bt level [0-9]+ block [0-9]+ daddr [0-9]+ *$/{ p; h; }
      /^[0-9]+:\\[/{ G; s/^[0-9]+:\\[([0-9a-fx,]+)\\] *\\n(bno|ino|refcnt)bt level 0 .*/rec \\1/p; }
      \(extents)
      ' | head -c 256M
    """

  /// The part of the script that follows the lists of inodes that were deleted while they were open. Recovery of the
  /// log, which a mount does, empties them. Each step takes the next inode of all lists.
  private static let unlinked = """
    k=$(($(echo "$s" | sed -nE 's/^(agblklog|inopblog) = ([0-9]{1,2})$/\\2 +/p') 0))
    x=$(seq 0 $((${n:-0} - 1)) | head -n \(maximumGroups) | sed 's/.*/echo ag &\\nagi &\\np unlinked/' |
      timeout 600 xfs_db -r $d | sed -nE 's/^(xfs_db> )*//; /^ag [0-9]+ *$/h
        /^unlinked\\[[0-9-]+\\] = [0-9]/{ H; x; s/^ag ([0-9]+)[^=]*=/\\1/; s/[0-9]+:([0-9]+)/\\1/g; p; }' |
      while read -r a l; do for i in $l; do echo $((a << k | i)); done; done | head -n 1000)
    for r in $(seq 64); do
      [ -n "$x" ] || break
      t=$(echo "$x" | sed 's/.*/echo unlinked &\\ninode &\\nbmap -d\\nbmap -a\\nbtdump -i\\nbtdump -a -i\\np next_unlinked/' |
        timeout 600 xfs_db -r $d | sed -nE 's/^(xfs_db> )*//
          s/^(unlinked [0-9]+) *$/\\1/p
          s/^next_unlinked = ([0-9]+)$/next \\1/p
          \(extents)' | head -c 16M)
      echo "$t" | grep -v ^next
      x=$(echo "$t" | while read -r w i l; do
        case $w in unlinked) o=$i ;; next) echo $((o >> k << k | i)) ;; esac
      done)
    done
    """

  /// A part of the sed scripts, for the extents of an inode.
  private static let extents = """
    s/^bmapbt[da] level [0-9]+ block [0-9]+ daddr ([0-9]+) *$/tree \\1/p
    s,^(data|attr) offset ([0-9]+) startblock [0-9]+ \\(([0-9]+)/([0-9]+)\\) count ([0-9]+) .*,\\1 \\2 \\3 \\4 \\5,p
    """

  /// A group has between 16 MiB and 1 TiB. Each group takes about 400 bytes here.
  private static let maximumGroups: UInt64 = 1 << 16

  static func areas(parsing text: String) -> [DeviceArea] {
    guard let geometry = Geometry(parsing: text) else { return [] }
    var areas: [DeviceArea] = []
    for group in 0..<geometry.groups { addHeaders(of: group, geometry, to: &areas) }
    if let size = geometry.numbers["logblocks"]?.times(geometry.blockSize) {
      areas.add("log", at: geometry.numbers["log"], count: size)
    }
    var reader = XFSGroupReader(geometry: geometry)
    for line in text.lines { reader.take(line) }
    areas += reader.areas
    areas.concatenate { isInParts($0) }
    // The last group ends where the filesystem does.
    if let end = geometry.numbers["dblocks"]?.times(geometry.blockSize), let device = geometry.numbers["device"],
      end > 0, end < device
    {
      areas.append(DeviceArea(kind: .unallocated, range: end..<device))
    }
    return areas
  }

  /// Whether areas with this name are parts of one object. All others have offsets, or are copies.
  private static func isInParts(_ name: String) -> Bool {
    name.hasSuffix(" map") || name == "AG header padding" || name == "CoW staging extents"
      || name.hasPrefix("AGFL blocks ") || trees.contains { name.hasPrefix($0) }
  }

  /// How the names of an allocation group's B+trees begin.
  private static let trees = ["bnobt ", "cntbt ", "inobt ", "finobt ", "rmapbt ", "refcountbt "]

  static func allocationUnits(parsing text: String) -> AllocationUnits? {
    guard let geometry = Geometry(parsing: text) else { return nil }
    return AllocationUnits(
      nameOfLost: "lost blocks", end: geometry.numbers["dblocks"]?.times(geometry.blockSize), size: geometry.blockSize)
  }

  /// Whether the output covers all allocation groups.
  static func isComplete(_ text: String) -> Bool {
    guard let geometry = Geometry(parsing: text) else { return false }
    var reader = XFSGroupReader(geometry: geometry)
    for line in text.lines { reader.take(line) }
    return reader.isAtEnd && UInt64(reader.groupsWithFreeSpace) == geometry.groups
  }

  /// Adds what is in the first sectors of a group: one sector for each header ("XFS Algorithms & Data Structures",
  /// Allocation Groups). The rest of their blocks is unused.
  private static func addHeaders(of group: UInt64, _ geometry: Geometry, to areas: inout [DeviceArea]) {
    let sector = geometry.sector
    guard let start = group.times(geometry.groupSize), let end = sector.times(4), start.plus(end) != nil else { return }
    areas.add(group == 0 ? "superblock" : "backup superblock", at: start, count: sector)
    areas.add("AGF \(group)", at: start + sector, count: sector)
    areas.add("AGI \(group)", at: start + 2 * sector, count: sector)
    areas.add("AGFL \(group)", at: start + 3 * sector, count: sector)
    let rest = end % geometry.blockSize
    if rest > 0 { areas.add("AG header padding", at: start + end, count: geometry.blockSize - rest) }
  }

  /// The superblock's fields.
  struct Geometry {
    var numbers: ToolNumbers
    /// In bytes.
    var blockSize: UInt64
    /// In bytes.
    var sector: UInt64
    /// The number of allocation groups.
    var groups: UInt64
    /// In bytes.
    var groupSize: UInt64

    init?(parsing text: String) {
      numbers = ToolNumbers(text.lines.prefix { !$0.hasPrefix("ag ") }, separator: "=")
      guard let blockSize = numbers["blocksize"], blockSize > 0, let sector = numbers["sectsize"],
        let groupSize = numbers["agblocks"]?.times(blockSize), let groups = numbers["agcount"],
        groups <= maximumGroups
      else { return nil }
      self.blockSize = blockSize
      self.sector = sector
      self.groups = groups
      self.groupSize = groupSize
    }
  }
}
