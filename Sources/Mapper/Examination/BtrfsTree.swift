/// Which blocks of a Btrfs subvolume hold directories, as btrfs-inspect-internal(8) in the appliance tells it.
struct BtrfsTree {
  /// `MAJOR:MINOR` of the filesystem's one device.
  let device: String
  /// For each directory's inode the blocks with its entries, in bytes of the device, every copy among them.
  private(set) var directories: [UInt64: [Range<UInt64>]] = [:]

  /// A stretch of the filesystem's own addresses, and where its copies begin on the device.
  private struct Chunk {
    var range: Range<UInt64>
    var copies: [UInt64]
  }

  /// Prints what `init(parsing:)` reads, of the subvolume on /sysroot. Names are hidden, since one could hold a line
  /// that looks like the tool's own.
  static let script = """
    d=$(grep ' /sysroot ' /proc/mounts | tail -n 1 | cut -d ' ' -f 1)
    echo "device $(cat /sys/class/block/$(basename $(readlink -f $d))/dev)"
    btrfs inspect-internal dump-super $d | sed -nE 's/^(nodesize|num_devices)[[:space:]]+([0-9]+).*/\\1 \\2/p'
    btrfs inspect-internal dump-tree --hide-names -t chunk $d | sed -nE \
      's/.* key \\(FIRST_CHUNK_TREE CHUNK_ITEM ([0-9]+)\\).*/chunk \\1/p; \
       s/^[[:space:]]+(length [0-9]+) .* type (.*)/\\1 \\2/p; s/^[[:space:]]+(stripe [0-9]+ devid [0-9]+ offset [0-9]+)/\\1/p'
    btrfs inspect-internal dump-tree --hide-names -t $(btrfs inspect-internal rootid /sysroot) $d | sed -nE \
      's/^(leaf|node) ([0-9]+) .*/\\1 \\2/p; s/^[[:space:]]+item [0-9]+ key \\(([0-9]+) DIR_(ITEM|INDEX) .*/entry \\1/p' | uniq
    """

  /// Nil if the tool printed something else, or the filesystem is on several devices or striped.
  init?(parsing text: String) {
    var device: String?
    var nodeSize: UInt64?
    var chunks: [Chunk] = []
    var leaf: UInt64?
    var leaves: [UInt64: [UInt64]] = [:]
    for line in text.split(separator: "\n") {
      let fields = line.split(separator: " ")
      let number = fields.count > 1 ? UInt64(fields[1]) : nil
      switch fields.first {
      case "device" where fields.count == 2: device = String(fields[1])
      case "nodesize": nodeSize = number
      case "num_devices":
        guard number == 1 else { return nil }
      case "chunk":
        guard let number else { return nil }
        chunks.append(Chunk(range: number..<number, copies: []))
      case "length":
        guard let number, let last = chunks.indices.last, fields.count > 2, !fields[2].contains("RAID") else {
          return nil
        }
        let (end, overflow) = chunks[last].range.lowerBound.addingReportingOverflow(number)
        guard !overflow else { return nil }
        chunks[last].range = chunks[last].range.lowerBound..<end
      case "stripe":
        guard let last = chunks.indices.last, fields.count == 6, let offset = UInt64(fields[5]) else { return nil }
        chunks[last].copies.append(offset)
      case "leaf": leaf = number
      case "node": leaf = nil
      case "entry":
        guard let number, let leaf else { return nil }
        if leaves[number]?.last != leaf { leaves[number, default: []].append(leaf) }
      default: continue
      }
    }
    guard let device, let nodeSize, nodeSize > 0, !chunks.isEmpty else { return nil }
    self.device = device
    for (inode, blocks) in leaves {
      for block in Set(blocks) {
        let (end, overflow) = block.addingReportingOverflow(nodeSize)
        guard !overflow, let chunk = chunks.first(where: { $0.range.contains(block) && end <= $0.range.upperBound })
        else { continue }
        for copy in chunk.copies {
          let (start, overflow) = copy.addingReportingOverflow(block - chunk.range.lowerBound)
          guard !overflow, start <= UInt64.max - nodeSize else { continue }
          directories[inode, default: []].append(start..<start + nodeSize)
        }
      }
    }
  }
}
