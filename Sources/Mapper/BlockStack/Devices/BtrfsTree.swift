import Bytes

/// The trees of a Btrfs filesystem, as btrfs-inspect-internal(8) prints them in the appliance: where the chunks put
/// its logical addresses on its devices, which blocks of a subvolume hold directories, inline data and extended
/// attributes, and which addresses hold the data of its files.
package struct BtrfsTree {
  /// `DeviceTable`'s name for the filesystem's logical address space.
  package static let device: Substring = "btrfs"

  /// The blocks that hold each directory's entries, by inode, in bytes of logical addresses.
  package private(set) var directories: [UInt64: [Range<UInt64>]] = [:]
  /// File data stored in leaves of the tree, in tree order.
  package private(set) var inlineData: [InlineData] = []
  /// Extended attributes, in tree order.
  package private(set) var attributes: [Attribute] = []
  /// What the files' data extents hold, in tree order.
  package private(set) var references: [Reference] = []
  /// The size of a block of a tree, in bytes.
  package let nodeSize: UInt64
  /// The parts of devices that are in chunks, and are not missing.
  package private(set) var stripes: [Stripe] = []
  /// What the logical address space is made of; nil if any chunk is invalid or has a profile that is not supported.
  package private(set) var segments: [DeviceTable.Segment]?

  /// Data outside of the tree that a file uses.
  package struct Reference: Equatable {
    package var inode: UInt64
    /// In bytes of logical addresses.
    package var range: Range<UInt64>

    /// - Parameter fields: `data INODE EXTENT OFFSET SIZE`; the offset counts from the start of the extent.
    package init?(_ fields: [Substring]) {
      let numbers = fields.dropFirst().compactMap { UInt64($0) }
      guard numbers.count == 4, numbers[3] > 0, let start = numbers[1].plus(numbers[2]),
        let end = start.plus(numbers[3])
      else { return nil }
      (inode, range) = (numbers[0], start..<end)
    }
  }

  /// The part of a chunk that is on one device.
  package struct Stripe: Equatable {
    /// `MAJOR:MINOR`.
    package var device: Substring
    /// In bytes of the device.
    package var range: Range<UInt64>
  }

  /// File data stored in a leaf of the tree.
  package struct InlineData: Equatable {
    package var inode: UInt64
    /// Offset in the file, in bytes.
    package var offset: UInt64
    /// In bytes of logical addresses.
    package var range: Range<UInt64>
    package var isCompressed: Bool

    /// Size of the header in front of the data in its item (Btrfs's "On-disk format": btrfs_file_extent_item).
    private static let descriptionBytes: UInt64 = 21

    /// - Parameter fields: `inline INODE OFFSET ITEM-OFFSET SIZE COMPRESSION`; the item offset is relative to the
    ///   end of the leaf's header.
    package init?(_ fields: [Substring], leaf: UInt64) {
      let numbers = fields.dropFirst().compactMap { UInt64($0) }
      guard numbers.count == 5,
        let start = leaf.plus(BtrfsTree.headerBytes + Self.descriptionBytes)?.plus(numbers[2]),
        let end = start.plus(numbers[3])
      else { return nil }
      (inode, offset, range, isCompressed) = (numbers[0], numbers[1], start..<end, numbers[4] != 0)
    }
  }

  /// Size of the header of a leaf, in bytes. Item offsets count from its end (Btrfs's "On-disk format":
  /// btrfs_header).
  private static let headerBytes: UInt64 = 101

  /// The extended attributes of an inode whose names have the same hash, usually just one. They are in a leaf, each
  /// with its name before its value.
  package struct Attribute: Equatable {
    package var inode: UInt64
    /// In bytes of logical addresses.
    package var range: Range<UInt64>

    /// - Parameter fields: `xattr INODE ITEM-OFFSET SIZE`; the item offset is relative to the end of the leaf's
    ///   header.
    package init?(_ fields: [Substring], leaf: UInt64) {
      let numbers = fields.dropFirst().compactMap { UInt64($0) }
      guard numbers.count == 3, let start = leaf.plus(BtrfsTree.headerBytes)?.plus(numbers[1]), numbers[2] > 0,
        let end = start.plus(numbers[2])
      else { return nil }
      (inode, range) = (numbers[0], start..<end)
    }
  }

  /// The chunks with a valid range, in bytes of logical addresses, and their type, such as `DATA|RAID1`.
  package private(set) var chunks: [(range: Range<UInt64>, type: Substring)] = []

  /// The part of `script` that prints the chunks of the filesystem on the device `$d`, and its node size.
  package static let chunkScript = """
    btrfs inspect-internal dump-super $d | sed -nE 's/^(nodesize|num_devices)[[:space:]]+([0-9]+).*/\\1 \\2/p'
    btrfs inspect-internal dump-tree --hide-names -t chunk $d | sed -nE \
      's/.* key \\(FIRST_CHUNK_TREE CHUNK_ITEM ([0-9]+)\\).*/chunk \\1/p; \
       s/^[[:space:]]+length ([0-9]+) .* stripe_len ([0-9]+) type (.*)/length \\1 \\2 \\3/p; \
       s/^[[:space:]]+(stripe [0-9]+ devid [0-9]+ offset [0-9]+)/\\1/p'
    """

  /// Prints what `init(parsing:)` reads, for the subvolume on /sysroot. Names are hidden because a name could
  /// contain a line that looks like the tool's own output.
  package static let script = """
    d=\(mountedDevice)
    btrfs filesystem show --raw /sysroot | sed -nE 's/.*devid +([0-9]+) .* path (.*)/\\1 \\2/p' | while read i p; do
      echo "devid $i $(cat /sys/class/block/$(basename $(readlink -f $p))/dev)"
    done
    \(chunkScript)
    btrfs inspect-internal dump-tree --hide-names -t $(btrfs inspect-internal rootid /sysroot) $d | sed -nE \
      's/^(leaf|node) ([0-9]+) .*/\\1 \\2/p; s/^[[:space:]]+item [0-9]+ key \\(([0-9]+) DIR_(ITEM|INDEX) .*/entry \\1/p
      s/^[[:space:]]+item [0-9]+ key \\(([0-9]+) XATTR_ITEM [0-9]+\\) itemoff ([0-9]+) itemsize ([0-9]+)$/xattr \\1 \\2 \\3/p
      /^[[:space:]]+item [0-9]+ key \\([0-9]+ EXTENT_DATA /h
      /^[[:space:]]+inline extent data size/ { G
        s/^[[:space:]]+inline extent data size ([0-9]+) .* compression ([0-9]+) .*\\(([0-9]+) EXTENT_DATA ([0-9]+)\\) itemoff ([0-9]+) .*/inline \\3 \\4 \\5 \\1 \\2/p }
      /^[[:space:]]+(extent|prealloc) data (disk byte [1-9]|offset )/H
      /^[[:space:]]+(extent compression 0 |prealloc data offset )/ { g
        s/.*\\(([0-9]+) EXTENT_DATA .* byte ([0-9]+) nr .* offset ([0-9]+) nr ([0-9]+).*/data \\1 \\2 \\3 \\4/p }
      /^[[:space:]]+extent compression [1-9]/ { g
        s/.*\\(([0-9]+) EXTENT_DATA .* byte ([0-9]+) nr ([0-9]+)\\n.*/data \\1 \\2 0 \\3/p }' |
      uniq
    """

  private struct Chunk {
    var start: UInt64
    var length: UInt64 = 0
    var stripe: UInt64 = 0
    /// `DATA|RAID1`
    var type: Substring = ""
    var legs: [Target.Leg?] = []

    /// Real chunks have at most 10 GiB, and stripes 64 KiB, but a damaged tree may contain anything.
    private var hasStripes: Bool {
      (1...Target.maximumChunk).contains(stripe) && length / stripe <= DeviceTable.maximumLocations
    }

    private var profile: Substring? {
      type.parts(between: "|").dropFirst().first { $0.hasPrefix("RAID") || $0 == "DUP" }
    }

    /// The parts of devices that the chunk takes up, except on missing devices.
    var stripes: [Stripe] {
      let count = UInt64(legs.count)
      let parts: UInt64 =
        switch profile {
        case "RAID0": count
        case "RAID10": count / 2
        case "RAID5" where count > 1: count - 1
        case "RAID6" where count > 2: count - 2
        default: 1
        }
      let size = length / max(1, parts)
      return legs.compactMap { leg in
        guard let leg, let end = leg.offset.plus(size) else { return nil }
        return Stripe(device: leg.device, range: leg.offset..<end)
      }
    }

    /// nil if the chunk is invalid or its profile is not supported.
    var segment: DeviceTable.Segment? {
      let (end, overflow) = start.addingReportingOverflow(length)
      guard !overflow, length > 0, let leg = legs.first else { return nil }
      let target: Target
      switch profile {
      case nil where legs.count == 1:
        // If its device is missing, the data is nowhere.
        target = leg.map { .linear($0) } ?? .mirrored([nil])
      case "DUP", "RAID1", "RAID1C3", "RAID1C4": target = .mirrored(legs)
      case "RAID0" where hasStripes: target = .striped(chunk: stripe, legs)
      case "RAID10" where hasStripes && legs.count.isMultiple(of: 2):
        guard let layout = RAID10Layout(near: 2, devices: legs.count, chunks: max(1, length / stripe)) else {
          return nil
        }
        target = .copied(chunk: stripe, layout, legs)
      case "RAID5" where hasStripes && legs.count >= 2:
        target = .parity(chunk: stripe, .upFromLast(parities: 1), legs)
      case "RAID6" where hasStripes && legs.count >= 3:
        target = .parity(chunk: stripe, .upFromLast(parities: 2), legs)
      default: return nil
      }
      return DeviceTable.Segment(range: start..<end, target: target)
    }
  }

  /// Nil if a line about a chunk or a directory entry is invalid, or if the node size or every chunk is missing.
  package init?(parsing text: String) {
    var devices: [Substring: Substring] = [:]
    var nodeSize: UInt64?
    var chunks: [Chunk] = []
    var leaf: UInt64?
    var leaves: [UInt64: Set<UInt64>] = [:]
    for line in text.lines {
      let fields = line.fields
      let number = fields.count > 1 ? UInt64(fields[1]) : nil
      switch fields.first {
      case "devid" where fields.count == 3: devices[fields[1]] = fields[2]
      case "nodesize": nodeSize = number
      case "chunk":
        guard let number else { return nil }
        chunks.append(Chunk(start: number))
      case "length":
        guard let number, let last = chunks.indices.last, fields.count == 4, let stripe = UInt64(fields[2]) else {
          return nil
        }
        chunks[last].length = number
        chunks[last].stripe = stripe
        chunks[last].type = fields[3]
      case "stripe":
        guard let last = chunks.indices.last, fields.count == 6, let offset = UInt64(fields[5]) else { return nil }
        // A missing device has no number.
        chunks[last].legs.append(devices[fields[3]].map { Target.Leg(device: $0, offset: offset) })
      case "leaf": leaf = number
      case "node": leaf = nil
      case "entry":
        guard let number, let leaf else { return nil }
        leaves[number, default: []].insert(leaf)
      case "data":
        if let reference = Reference(fields) { references.append(reference) }
      case "inline":
        if let leaf, let data = InlineData(fields, leaf: leaf) { inlineData.append(data) }
      case "xattr":
        if let leaf, let attribute = Attribute(fields, leaf: leaf) { attributes.append(attribute) }
      default: continue
      }
    }
    guard let nodeSize, nodeSize > 0, !chunks.isEmpty else { return nil }
    self.nodeSize = nodeSize
    stripes = chunks.flatMap(\.stripes)
    self.chunks = chunks.compactMap { chunk in
      let (end, overflow) = chunk.start.addingReportingOverflow(chunk.length)
      return overflow ? nil : (chunk.start..<end, chunk.type)
    }
    let known = chunks.compactMap(\.segment)
    segments = known.count == chunks.count ? known : nil
    for (inode, blocks) in leaves {
      directories[inode] = blocks.sorted().compactMap { block in
        let (end, overflow) = block.addingReportingOverflow(nodeSize)
        return overflow ? nil : block..<end
      }
    }
  }
}
