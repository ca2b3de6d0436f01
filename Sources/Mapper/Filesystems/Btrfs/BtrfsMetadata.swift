import BlockStack
import Bytes

/// Btrfs's superblocks, its trees and its free space, as btrfs-inspect-internal(8) prints them.
///
/// The offset of a tree's block is its logical address in the filesystem.
package enum BtrfsMetadata {
  static let tools = ["btrfs"]

  /// The name of the areas that hold file data. The mapper leaves of them what no file uses.
  package static let data = "unreferenced data"

  /// An area with this name.
  package static func data(_ range: Range<UInt64>) -> DeviceArea { logical(data, range) }

  /// Prints what `areas(parsing:)` and `BtrfsTree` parse, for the filesystem on the device `$d`. If `$alone` is set,
  /// other devices that claim to belong to the filesystem are copies and are skipped.
  static let script = """
    if [ -n "$alone" ]; then
      btrfs inspect-internal dump-super $d | sed -nE "s|^dev_item.devid[[:space:]]+([0-9]+)$|\\1 $d|p"
    else
      timeout 600 btrfs filesystem show --raw $d | sed -nE 's/.*devid +([0-9]+) .* path (.*)/\\1 \\2/p'
    fi | while read i p; do
      s=/sys/class/block/$(basename $(readlink -f $p))
      n=$(cat $s/dev)
      echo "devid $i $n"
      echo "sectors $n $(cat $s/size)"
      timeout 600 btrfs inspect-internal dump-super -a $p | sed -nE "s/^superblock: bytenr=([0-9]+),.*/super $n \\\\1/p"
      btrfs inspect-internal dump-super $p | sed -nE "s/^dev_item.bytes_used[[:space:]]+([0-9]+)$/used $n \\\\1/p"
    done
    btrfs inspect-internal dump-super $d | sed -nE 's/^bytes_used[[:space:]]+([0-9]+)$/extents \\1/p'
    \(BtrfsTree.chunkScript)
    \(BtrfsExtents.script)
    """

  static func areas(parsing text: String) -> [DeviceArea] {
    let lines = text.lines
    let devices = BtrfsDevices(parsing: lines)
    var superblocks = devices.superblocks
    // Each superblock says which device it is on, and where, so none is a copy of another.
    superblocks.concatenate { _ in true }
    guard let tree = BtrfsTree(parsing: text), let segments = tree.segments else { return superblocks }
    let extents = BtrfsExtents(parsing: lines, nodeSize: tree.nodeSize)
    let areas =
      superblocks + extents.blocks + extents.cache.map { logical("free space cache", $0) }
      + extents.data.map { data($0) }
    // If a tree cannot be read in whole, what is missing would look free.
    guard devices.extentBytes == extents.size, devices.haveAllStripes(tree.stripes) else { return areas }
    let reserved = devices.reserved(in: segments)
    let used = (extents.data + extents.cache + extents.blocks.map(\.range) + reserved.logical)
      .sorted { $0.lowerBound < $1.lowerBound }
    let chunks = tree.chunks.map(\.range).sorted { $0.lowerBound < $1.lowerBound }
    var outside = reserved.areas + devices.areasOutside(of: tree.stripes)
    outside.concatenate { $0 == "reserved" }
    return areas + outside
      + chunks.subtracting(used).map { DeviceArea(kind: .unallocated, range: $0, device: BtrfsTree.device) }
  }

  private static func logical(_ name: String, _ range: Range<UInt64>) -> DeviceArea {
    DeviceArea(name: name, range: range, offset: range.lowerBound, device: BtrfsTree.device)
  }
}
