import BlockMap
import BlockStack
import Bytes

/// The location of a disk's partition table, as fdisk(8) prints it, and the gap after it that boot loaders use.
enum PartitionTableAreas {
  /// The program that the script needs.
  static let tool = "fdisk"

  /// Prints what `areas(parsing:)` parses, for the disk `$d`: the parts of the table as printed by fdisk's expert
  /// command D, and the start of the first partition, in sectors of 512 bytes.
  ///
  /// The device is read-only while fdisk runs: when a device that was open for writing is closed, udev makes the
  /// kernel remove all its partitions for a moment.
  static let script = """
    t=$(blkid -p -o value -s PTTYPE $d)
    case $t in
    dos | gpt)
      r=$(blockdev --getro $d)
      blockdev --setro $d
      printf 'x\\nD\\nq\\n' | timeout 600 fdisk $d | sed -nE \
        's/.*Created a new.*/new/p; s/^([A-Za-z ]+): offset = ([0-9]+), size = ([0-9]+) bytes\\.$/table \\2 \\3 \\1/p'
      [ "$r" = 1 ] || blockdev --setrw $d
      echo "first $(cat /sys/class/block/$(basename $(readlink -f $d))/*/start | sort -n | head -n 1)"
      ;;
    sun) echo 'table 0 512 Sun label' ;;
    esac
    """

  /// The names in the map, by fdisk's names.
  private static let names: [Substring: String] = [
    "MBR": "MBR", "PMBR": "MBR", "GPT Header": "GPT header", "GPT Entries": "GPT table",
    "GPT Backup Entries": "backup GPT table", "GPT Backup Header": "backup GPT header", "Sun label": "Sun label",
  ]

  static func areas(parsing lines: some Sequence<Substring>) -> [DeviceArea] {
    var areas: [DeviceArea] = []
    var first: UInt64?
    // Logical partitions are numbered from 5.
    var logical = 5
    for line in lines {
      let fields = line.parts(between: " ", maxSplits: 3)
      switch fields.first {
      case "new": return []
      case "table":
        guard fields.count == 4, let start = UInt64(fields[1]), let size = UInt64(fields[2]) else { continue }
        if let name = names[fields[3]] {
          areas.add(name, at: start, count: size, kind: .boot)
        } else if fields[3] == "EBR" {
          areas.add("EBR \(logical)", at: start, count: size, kind: .boot)
          logical += 1
        }
      case "first": first = fields.last.flatMap { UInt64($0) }?.times(512)
      default: continue
      }
    }
    if let first { areas += bootGap(between: areas, and: first) }
    return areas
  }

  /// The gap between the table and the first partition.
  /// - Parameter first: the start of the first partition, in bytes.
  static func bootGap(between areas: [DeviceArea], and first: UInt64) -> [DeviceArea] {
    // The gap starts after the last part of the table before the first partition. Any gap between parts of the table
    // is smaller than a sector.
    let end = areas.map(\.range).filter { $0.upperBound <= first }.map(\.upperBound).max() ?? first
    return end < first ? [DeviceArea(kind: .boot, name: "boot gap", range: end..<first)] : []
  }
}
