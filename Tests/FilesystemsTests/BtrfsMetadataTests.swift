import BlockStack
import TestSupport
import Testing

@testable import Filesystems

@Suite struct BtrfsMetadataTests {
  /// What the script prints for a filesystem that mkfs.btrfs made on two devices, with everything on both.
  private let pair = """
    devid 1 8:12
    sectors 8:12 262144
    super 8:12 65536
    super 8:12 67108864
    used 8:12 109051904
    devid 2 8:13
    sectors 8:13 286720
    super 8:13 65536
    super 8:13 67108864
    used 8:13 109051904
    extents 147456
    nodesize 16384
    num_devices 2
    chunk 22020096
    length 8388608 65536 SYSTEM|RAID1
    stripe 0 devid 1 offset 22020096
    stripe 1 devid 2 offset 1048576
    chunk 30408704
    length 33554432 65536 METADATA|RAID1
    stripe 0 devid 1 offset 30408704
    stripe 1 devid 2 offset 9437184
    chunk 63963136
    length 67108864 65536 DATA|RAID1
    stripe 0 devid 1 offset 63963136
    stripe 1 devid 2 offset 42991616
    block 22036480
    root CHUNK_TREE
    block 30408704
    root EXTENT_TREE
    block 30425088
    root FS_TREE
    block 30490624
    root CSUM_TREE
    block 30523392
    root DATA_RELOC_TREE
    block 30539776
    root UUID_TREE
    block 30556160
    root DEV_TREE
    block 30572544
    root FREE_SPACE_TREE
    block 30588928
    root ROOT_TREE
    """

  /// One line per area: `KIND DEVICE START END@OFFSET NAME`, in decimal.
  private func lines(_ areas: [DeviceArea]) -> [String] {
    areas.map { area in
      let offset = area.offset == 0 ? "" : area.offset == area.range.lowerBound ? "@" : "@\(area.offset)"
      let kind = Character(Unicode.Scalar(area.kind.rawValue))
      return
        "\(kind) \(area.device ?? "-") \(area.range.lowerBound) \(area.range.upperBound)\(offset) \(area.name ?? "-")"
    }
  }

  @Test func everyByteOfAPairOfDevices() throws {
    let areas = BtrfsMetadata.areas(parsing: pair)
    #expect(
      lines(areas) == [
        "b 8:12 0 65536 boot block", "m 8:12 65536 69632 superblock", "m 8:12 67108864 67112960 backup superblock",
        "b 8:13 0 65536@65536 boot block", "m 8:13 65536 69632@4096 superblock",
        "m 8:13 67108864 67112960@4096 backup superblock",
        "m btrfs 22036480 22052864@ chunk tree", "m btrfs 30408704 30425088@ extent tree",
        "m btrfs 30425088 30441472@ fs tree", "m btrfs 30490624 30507008@ csum tree",
        "m btrfs 30523392 30539776@ data relocation tree", "m btrfs 30539776 30556160@ uuid tree",
        "m btrfs 30556160 30572544@ device tree", "m btrfs 30572544 30588928@ free space tree",
        "m btrfs 30588928 30605312@ root tree",
        // The stripes with the second superblock, on both devices.
        "m 8:12 67112960 67174400 reserved", "m 8:13 46137344 46202880@61440 reserved",
        "m 8:12 88080384 88145920@126976 reserved", "m 8:13 67112960 67174400@192512 reserved",
        "m 8:12 69632 1048576@253952 reserved", "u 8:12 1048576 22020096 -", "u 8:12 131072000 134217728 -",
        "m 8:13 69632 1048576@1232896 reserved", "u 8:13 110100480 146800640 -",
        "u btrfs 22020096 22036480 -", "u btrfs 22052864 30408704 -", "u btrfs 30441472 30490624 -",
        "u btrfs 30507008 30523392 -", "u btrfs 30605312 63963136 -", "u btrfs 63963136 67108864 -",
        "u btrfs 67174400 88080384 -", "u btrfs 88145920 131072000 -",
      ])
    // Everything in chunks is on both devices.
    let sum = areas.reduce(0) { $0 + $1.range.count * ($1.device == BtrfsTree.device ? 2 : 1) }
    #expect(sum == (262_144 + 286_720) * 512)
    #expect(try Btrfs().areas(on: DeviceImage(size: 0, []), known: areas).isEmpty)
  }

  /// If the trees do not add up to what the superblocks say, a part of them could not be read.
  @Test func treesThatLackSomethingShowNoFreeSpace() {
    for (line, other) in [
      ("block 30588928\nroot ROOT_TREE", ""), ("extents 147456", "extents 147457"), ("extents 147456\n", ""),
      ("used 8:13 109051904", "used 8:13 109051903"), ("length 33554432", "length 33550336"),
    ] {
      let areas = BtrfsMetadata.areas(parsing: pair.replacing(line, with: other))
      #expect(areas.allSatisfy { $0.kind != .unallocated }, "\(line)")
      #expect(areas.contains { $0.name == "fs tree" })
      #expect(throws: SpaceError.self) { try Btrfs().areas(on: DeviceImage(size: 0, []), known: areas) }
    }
  }

  /// Extents as the kernel leaves them: data, of which neighbours are merged; a block that two subvolumes share; blocks
  /// that are known only to belong to others; the first free space cache; and a block without skinny metadata.
  @Test func extents() {
    let text = """
      extent 13631488 40960
      extent 13672448 36864
      extent 13713408 4096
      extent 13717504 65536
      cache
      block 30408704
      root 5
      root 256
      root 257
      block 30425088
      parent 30441472
      block 30441472
      parent 30408704
      block 30457856
      parent 4096
      extent 30474240 16384
      tree
      root FS_TREE
      block 30490624
      root 5
      block 30507008
      root 18446744073709551607
      """
    let extents = BtrfsExtents(parsing: text.split(separator: "\n"), nodeSize: 16384)
    #expect(extents.data == [13_631_488..<13_709_312, 13_713_408..<13_717_504])
    #expect(extents.cache == [13_717_504..<13_783_040])
    #expect(extents.size == 40960 + 36864 + 4096 + 65536 + 7 * 16384)
    #expect(
      lines(extents.blocks) == [
        "m btrfs 30408704 30457856@ fs tree", "m btrfs 30408704 30457856@ subvolume 256",
        "m btrfs 30408704 30457856@ subvolume 257", "m btrfs 30457856 30474240@ tree block",
        "m btrfs 30474240 30507008@ fs tree", "m btrfs 30507008 30523392@ data relocation tree",
      ])
  }

  @Test func hostileExtents() {
    let most = UInt64.max
    let text = """
      root 5
      tree
      extent \(most) \(most)
      block \(most)
      parent \(most)
      extent 1 0
      extent 5
      block
      block 100
      parent 200
      block 200
      parent 100
      block 100
      root x
      root \(most)1
      \((0..<1000).map { "root \($0 + 256)" }.joined(separator: "\n"))
      """
    let extents = BtrfsExtents(parsing: text.split(separator: "\n"), nodeSize: 16)
    #expect(extents.data.isEmpty && extents.size == 48)
    // Two blocks that are each other's parents, and one with more trees than are listed.
    #expect(extents.blocks.filter { $0.name == "tree block" }.count == 3)
    #expect(extents.blocks.count == 2 + 64)
    let devices = BtrfsDevices(
      parsing: (0..<5000).map { "sectors 8:\($0) \(most)" } + ["super 8:1 \(most)", "super 8:1 65536", "used x y"])
    #expect(devices.superblocks.count == 2)
    #expect(devices.areasOutside(of: []).allSatisfy { !$0.range.isEmpty })
  }
}
