import BlockStack
import Bytes
import Filesystems

/// A device of an md array as mdadm(8) describes it: where its superblock, bitmap and logs are, and which parts of it
/// are unused.
struct ArrayMember {
  /// Prints what `init` takes, for the device `$d`. Superblocks of version 0.90 count in KiB, and their bitmap is at a fixed offset.
  static let script = """
    echo "Device Size: $(blockdev --getsize64 $d)"
    timeout 600 mdadm --examine $d | sed -nE \
      's/^ *Version : ([0-9]+).*$/Version: \\1/p
      s/^ *(Super Offset|Data Offset|Avail Dev Size|Used Dev Size) : ([0-9]+)( sectors.*| \\(.*)?$/\\1: \\2/p
      s/^ *Chunk Size : ([0-9]+)K$/Chunk Size: \\1/p
      s/^ *Internal Bitmap : (-?)([0-9]+) sectors from superblock$/Bitmap\\1: \\2/p
      s/^ *Internal Bitmap : present$/Bitmap: 8/p
      s/^ *Bad Block Log : ([0-9]+) entries available at offset (-?)([0-9]+) sectors.*$/Log entries: \\1\\nLog\\2: \\3/p
      s/^ *PPL : ([0-9]+) sectors at offset (-?)([0-9]+) sectors from superblock$/PPL size: \\1\\nPPL\\2: \\3/p
      s/^ *Reshape pos.n : .*$/Reshape: 1/p; s/^ *New Offset : .*$/Reshape: 1/p
      s/^ *Device Role : (spare|Journal)$/\\1: 1/p; s/^ *this .* spare .*$/spare: 1/p'
    timeout 600 mdadm --examine-bitmap $d | sed -nE 's/^ *Bitmap : ([0-9]+) bits.*$/Bitmap bits: \\1/p'
    """

  private let numbers: ToolNumbers
  private let size: UInt64
  /// The offset of the superblock, in bytes.
  private let start: UInt64
  private let isOld: Bool

  private static let sector: UInt64 = 512
  /// The size of a superblock, and the unit in which the space for bitmaps is allocated, in bytes.
  private static let block: UInt64 = 4096

  /// Nil if there is no superblock on the device.
  init?(_ numbers: ToolNumbers) {
    guard let version = numbers["Version"], let size = numbers["Device Size"] else { return nil }
    isOld = version == 0
    // Version 0.90 starts at the last multiple of 64 KiB that is at least 64 KiB before the end of the device (md(4)).
    let unit: UInt64 = 64 << 10
    let old = size >= unit ? size / unit * unit - unit : nil
    guard let start = isOld ? old : numbers["Super Offset"]?.times(Self.sector), start < size else { return nil }
    (self.numbers, self.size, self.start) = (numbers, size, start)
  }

  var areas: [DeviceArea] {
    var areas: [DeviceArea] = []
    areas.add("md superblock", at: start, count: Self.block)
    areas.add("write-intent bitmap", at: offset("Bitmap"), count: bitmapBytes)
    areas.add("bad block log", at: offset("Log"), count: numbers["Log entries"]?.times(8) ?? 0)
    areas.add("partial parity log", at: offset("PPL"), count: numbers["PPL size"]?.times(Self.sector) ?? 0)
    guard let data else { return areas }
    if numbers["Journal"] != nil { areas.add("journal", at: data.lowerBound, count: data.upperBound - data.lowerBound) }
    // A spare holds no data.
    let used = numbers["spare"] == nil ? [data] : []
    return areas + UnusedSpace.areas(of: 0..<size, without: used + areas.map(\.range))
  }

  /// The offset of something that mdadm prints relative to the superblock, in bytes.
  private func offset(_ name: Substring) -> UInt64? {
    if let after = numbers[name]?.times(Self.sector) { return start.plus(after) }
    guard let before = numbers[name + "-"]?.times(Self.sector), before <= start else { return nil }
    return start - before
  }

  /// A header of 256 bytes, and a bit for each chunk. A bitmap that mdadm cannot read has at least one block.
  private var bitmapBytes: UInt64 {
    guard let bits = numbers["Bitmap bits"], bits <= size else { return Self.block }
    return (256 + bits / 8 + Self.block) / Self.block * Self.block
  }

  /// The part that holds data of the array, in bytes; nil if it is not known, or changes while the array is reshaped.
  private var data: Range<UInt64>? {
    guard numbers["Reshape"] == nil else { return nil }
    let unit = isOld ? 1024 : Self.sector
    // Before a superblock at the end of the device, data starts at its beginning.
    guard let from = (numbers["Data Offset"] ?? 0).times(unit),
      let available = isOld ? start : numbers["Avail Dev Size"]?.times(unit)
    else { return nil }
    var length = min(numbers["Used Dev Size"]?.times(unit) ?? available, available)
    if let chunk = numbers["Chunk Size"]?.times(1024), chunk > 0 { length = length / chunk * chunk }
    guard let end = from.plus(length), from < end, end <= size else { return nil }
    return from..<end
  }
}
