import BlockStack
import Bytes

/// Btrfs's superblocks and the chunks that hold its trees, as btrfs-inspect-internal(8) prints them.
///
/// For objects made of chunks, offsets are logical addresses of the filesystem.
enum BtrfsMetadata {
  static let tools = ["btrfs"]

  /// Prints what `areas(parsing:)` and `BtrfsTree` parse, for the filesystem on the device `$d`. If `$alone` is set,
  /// other devices that claim to belong to the filesystem are copies and are skipped.
  static let script = """
    if [ -n "$alone" ]; then
      btrfs inspect-internal dump-super $d | sed -nE "s|^dev_item.devid[[:space:]]+([0-9]+)$|\\1 $d|p"
    else
      timeout 600 btrfs filesystem show --raw $d | sed -nE 's/.*devid +([0-9]+) .* path (.*)/\\1 \\2/p'
    fi | while read i p; do
      n=$(cat /sys/class/block/$(basename $(readlink -f $p))/dev)
      echo "devid $i $n"
      timeout 600 btrfs inspect-internal dump-super -a $p | sed -nE "s/^superblock: bytenr=([0-9]+),.*/super $n \\\\1/p"
    done
    \(BtrfsTree.chunkScript)
    """

  private static let superblockBytes: UInt64 = 4096
  /// The offset of the first superblock; the space before it is reserved for boot loaders.
  private static let firstSuperblock: UInt64 = 64 << 10

  static func areas(parsing text: String) -> [DeviceArea] {
    var areas: [DeviceArea] = []
    for line in text.lines {
      let fields = line.fields
      guard fields.count == 3, fields[0] == "super", let offset = UInt64(fields[2]) else { continue }
      let isFirst = offset == firstSuperblock
      if isFirst { areas.append(DeviceArea(kind: .boot, name: "boot block", range: 0..<offset, device: fields[1])) }
      guard offset.plus(superblockBytes) != nil else { continue }
      areas.append(
        DeviceArea(
          name: isFirst ? "superblock" : "backup superblock", range: offset..<offset + superblockBytes,
          device: fields[1])
      )
    }
    guard let tree = BtrfsTree(parsing: text) else { return areas }
    for chunk in tree.chunks where !chunk.range.isEmpty {
      let uses = chunk.type.parts(between: "|")
      let name: String
      switch (uses.contains("SYSTEM"), uses.contains("METADATA"), uses.contains("DATA")) {
      case (true, _, _): name = "system chunks"
      case (_, true, true): name = "data and metadata chunks"
      case (_, true, _): name = "metadata chunks"
      default: continue
      }
      areas.append(
        DeviceArea(name: name, range: chunk.range, offset: chunk.range.lowerBound, device: BtrfsTree.device))
    }
    return areas
  }
}
