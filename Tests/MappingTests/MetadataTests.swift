import BlockMap
import Testing

@testable import BlockStack
@testable import Filesystems
@testable import Mapping

/// The output of the tools in the appliance, as filtered by the scripts.
@Suite struct MetadataTests {
  /// One line per area: `KIND START END@OFFSET NAME`, in hex.
  private func lines(_ areas: [DeviceArea]) -> [String] {
    areas.map { area in
      let kind = String(Unicode.Scalar(area.kind.rawValue))
      let offset = area.offset == 0 ? "" : "@\(String(area.offset, radix: 16))"
      let range = "\(String(area.range.lowerBound, radix: 16)) \(String(area.range.upperBound, radix: 16))"
      return "\(kind) \(range)\(offset) \(area.name ?? "-")"
    }
  }

  @Test func ext4() {
    let text = """
      features has_journal ext_attr resize_inode dir_index filetype extent 64bit flex_bg sparse_super large_file
      Block size: 1024
      Group descriptor size: 64
      Reserved GDT blocks: 256
      Blocks per group: 8192
      Inodes per group: 2048
      Inode size: 256
      Journal inode: 8
      0:1:1:2-2:259:271:283
      1:8193:8193:8194-8194:260:272:795
      2:16385:-1:-1:261:273:1307
      inode 1

      inode 8
      (0-4095):32769-36864

      inode 7
      (DIND):6440
      """
    #expect(
      lines(ExtMetadata.areas(parsing: text)) == [
        "b 0 400 boot block", "m 400 800 superblock",
        "m 800 c00 group descriptors", "m c00 40c00 reserved group descriptors",
        "m 40c00 41000 block bitmap", "m 43c00 44000 inode bitmap", "m 46c00 c6c00 inode table",
        "m 800400 800800 backup superblock", "m 800800 800c00 backup group descriptors",
        "m 800c00 840c00@40000 reserved group descriptors",
        "m 41000 41400@400 block bitmap", "m 44000 44400@400 inode bitmap", "m c6c00 146c00@80000 inode table",
        "m 41400 41800@800 block bitmap", "m 44400 44800@800 inode bitmap", "m 146c00 1c6c00@100000 inode table",
        "m 2000400 2400400 journal", "m 64a000 64a400 resize inode",
      ])
  }

  /// ext3 without extents, with group descriptors in the groups that they describe.
  @Test func ext3() {
    let text = """
      features has_journal ext_attr dir_index filetype meta_bg large_file
      Block size: 1024
      Inodes per group: 1704
      Inode size: 256
      Journal inode: 8
      MMP block number: 341
      0:1:1:2:3:4:5
      1:8193:8193:8194:8195:8196:8197
      2:16385:16385:-1:16386:16387:16388
      inode 8
      (0-11):444-455, (IND):456, (12-267):457-712, (DIND):713, (IND):714, (268-523[u]):715-970
      inode 99
      (0):5
      """
    let areas = ExtMetadata.areas(parsing: text)
    #expect(
      areas.filter { $0.name?.hasPrefix("inode") != true }.count == areas.count - 6,
      "an inode bitmap and a table in each group")
    #expect(
      lines(areas.filter { $0.name?.hasPrefix("inode") != true }) == [
        "b 0 400 boot block", "m 400 800 superblock", "m 55400 55800 multiple mount protection",
        "m 800 c00 group descriptors", "m c00 1000 block bitmap", "m 800400 800800 backup superblock",
        "m 800800 800c00 backup group descriptors", "m 800c00 801000@400 block bitmap",
        "m 1000400 1000800 backup superblock", "m 1000800 1000c00@800 block bitmap",
        "m 6f000 72000 journal", "m 72000 72400 journal map", "m 72400 b2400@3000 journal",
        "m b2400 b2800@400 journal map", "m b2800 b2c00@800 journal map", "m b2c00 f2c00@43000 journal",
      ])
  }

  @Test func xfs() {
    let text = """
      blocksize = 4096
      agblocks = 20480
      agcount = 2
      sectsize = 512
      logstart = 65542
      logblocks = 16384
      log = 167796736
      """
    #expect(
      lines(XFSMetadata.areas(parsing: text)) == [
        "m 0 200 superblock", "m 200 400 AGF 0", "m 400 600 AGI 0", "m 600 800 AGFL 0", "m 800 1000 AG header padding",
        "m 5000000 5000200 backup superblock", "m 5000200 5000400 AGF 1", "m 5000400 5000600 AGI 1",
        "m 5000600 5000800 AGFL 1", "m 5000800 5001000@800 AG header padding", "m a006000 e006000 log",
      ])
    // A log on an external device has no location on this one.
    let external = text.replacing("logstart = 65542", with: "logstart = 0").replacing("log = 167796736", with: "")
    #expect(XFSMetadata.areas(parsing: external).count == 10)
  }

  @Test func ntfs() {
    let text = """
      Sector Size: 512
      Cluster Size: 4096
      inode 0
      attribute $STANDARD_INFORMATION
      attribute $FILE_NAME
      parent 5
      name '$MFT'
      attribute $DATA
      run 0 4 5f
      run 5f 400 10
      attribute $BITMAP
      run 0 2 1
      inode 9
      attribute $FILE_NAME
      parent 5
      name '$Secure'
      attribute $DATA
      stream '$SDS'
      run 0 508 41
      attribute $INDEX_ROOT
      stream '$SDH'
      inode 11
      attribute $FILE_NAME
      parent 5
      name '$Extend'
      attribute $INDEX_ROOT
      stream '$I30'
      parent 11
      name '$RmMetadata'
      parent 11
      name '$UsnJrnl'
      inode 24
      attribute $FILE_NAME
      parent 11
      name '$UsnJrnl'
      attribute $DATA
      stream '$J'
      run 10 700 2
      inode 40
      attribute $FILE_NAME
      parent 40
      name '$Loop'
      attribute $DATA
      run 0 5 1
      inode 41
      attribute $FILE_NAME
      parent 5
      name 'a/b'
      attribute $DATA
      run 0 5 1
      backup: 81919
      """
    #expect(
      lines(NTFSMetadata.areas(parsing: text)) == [
        "m 4000 63000 $MFT", "m 400000 410000@5f000 $MFT", "m 2000 3000 $MFT::$BITMAP",
        "m 508000 549000 $Secure:$SDS", "m 700000 702000@10000 $Extend/$UsnJrnl:$J",
        "m 27ffe00 2800000 backup boot sector",
      ])
  }

  /// The output of `btrfs inspect-internal` for a filesystem on two devices, with its metadata on both.
  private static let btrfs = """
    devid 1 8:12
    super 8:12 65536
    super 8:12 67108864
    devid 2 8:13
    super 8:13 65536
    nodesize 16384
    num_devices 2
    chunk 22020096
    length 8388608 65536 SYSTEM|RAID1
    stripe 0 devid 2 offset 1048576
    stripe 1 devid 1 offset 22020096
    chunk 30408704
    length 14352384 65536 METADATA|RAID1
    stripe 0 devid 2 offset 9437184
    stripe 1 devid 1 offset 30408704
    chunk 44761088
    length 10485760 65536 DATA|RAID1
    stripe 0 devid 2 offset 23789568
    stripe 1 devid 1 offset 44761088
    """

  @Test func btrfsInlineData() throws {
    let tree = try #require(
      BtrfsTree(
        parsing: Self.btrfs + """

          leaf 30703616
          entry 256
          inline 257 0 13758 10 0
          inline 258 0 100 2048 1
          xattr 258 50 37
          node 30720000
          inline 259 0 1 1 0
          xattr 259 50 37
          data 260 13631488 4096 8192
          data 261 13631488 0 0
          data 262 18446744073709551615 0 1
          """))
    // A leaf has a header of 101 bytes, and 21 bytes of a file extent item precede its inline data.
    let start: UInt64 = 30_703_616 + 101 + 21
    #expect(tree.inlineData.map(\.inode) == [257, 258])
    #expect(tree.inlineData.map(\.range) == [start + 13758..<start + 13768, start + 100..<start + 2148])
    #expect(tree.inlineData.map(\.isCompressed) == [false, true])
    #expect(tree.references.map(\.inode) == [260] && tree.references.map(\.range) == [13_635_584..<13_643_776])
    #expect(tree.attributes.map(\.inode) == [258])
    #expect(tree.attributes.map(\.range) == [start - 21 + 50..<start - 21 + 87])
  }

  @Test func guidPartitionTable() {
    let text = """
      table 0 512 PMBR
      table 512 512 GPT Header
      table 1024 16384 GPT Entries
      table 943701504 16384 GPT Backup Entries
      table 943717888 512 GPT Backup Header
      first 2048
      """
    #expect(
      lines(PartitionTableAreas.areas(parsing: text.split(separator: "\n"))) == [
        "b 0 200 MBR", "b 200 400 GPT header", "b 400 4400 GPT table", "b 383fbe00 383ffe00 backup GPT table",
        "b 383ffe00 38400000 backup GPT header", "b 4400 100000 boot gap",
      ])
  }

  @Test func partitionTableWithLogicalPartitions() {
    let text = """
      table 0 512 MBR
      table 11534336 512 EBR
      table 33554432 512 EBR
      first 2048
      """
    #expect(
      lines(PartitionTableAreas.areas(parsing: text.split(separator: "\n"))) == [
        "b 0 200 MBR", "b b00000 b00200 EBR 5", "b 2000000 2000200 EBR 6", "b 200 100000 boot gap",
      ])
    // fdisk found no table that it knows and would create one.
    #expect(PartitionTableAreas.areas(parsing: ["new", "table 0 512 MBR", "first 2048"]).isEmpty)
  }

  @Test func volumeHeaders() {
    #expect(
      lines(
        VolumeHeader.lvm.areas(
          parsing: [
            "label_header: 512", "mda_header_1.start: 4096", "mda_header_1.size: 1044480",
            "mda_header_2.start: 523239424", "mda_header_2.size: 1048576",
          ])) == ["m 200 400 LVM label", "m 1000 100000 LVM metadata", "m 1f300000 1f400000 LVM metadata 2"])
    #expect(
      lines(VolumeHeader.array.areas(parsing: ["Device Size: 67108864", "Version: 1", "Super Offset: 8"]))
        == ["m 1000 2000 md superblock"])
    // On a device of 64 MiB + 40 KiB, the superblock is at the last multiple of 64 KiB that is at least 64 KiB
    // before the end.
    #expect(
      lines(VolumeHeader.array.areas(parsing: ["Device Size: 67149824", "Version: 0"]))
        == ["m 3ff0000 3ff1000 md superblock", "u 3ff1000 400a000 -"])
    #expect(lines(VolumeHeader.luks.areas(parsing: ["Payload offset: 4096"])) == ["m 0 200000 LUKS header"])
    #expect(lines(VolumeHeader.luks.areas(parsing: ["Segment: 16777216"])) == ["m 0 1000000 LUKS header"])
  }

  /// What mdadm says of members of 33 MiB, and where things are.
  @Test(arguments: [
    (
      "Version: 1\nAvail Dev Size: 65536\nData Offset: 2048\nSuper Offset: 8\nBitmap: 8\nLog entries: 512\nLog: 16\n"
        + "Bitmap bits: 512",
      [
        "m 1000 2000 md superblock", "m 2000 3000 write-intent bitmap", "m 3000 4000 bad block log", "u 0 1000 -",
        "u 4000 100000 -",
      ]
    ),
    (
      "Version: 1\nAvail Dev Size: 65536\nData Offset: 2048\nSuper Offset: 8\nspare: 1",
      ["m 1000 2000 md superblock", "u 0 1000 -", "u 2000 2100000 -"]
    ),
    (
      "Version: 1\nAvail Dev Size: 63488\nData Offset: 4096\nSuper Offset: 8\nPPL size: 2048\nPPL: 8\n"
        + "Log entries: 512\nLog: 2056\nChunk Size: 64",
      [
        "m 1000 2000 md superblock", "m 102000 103000 bad block log", "m 2000 102000 partial parity log",
        "u 0 1000 -", "u 103000 200000 -",
      ]
    ),
    (
      "Version: 1\nAvail Dev Size: 65536\nData Offset: 2048\nSuper Offset: 8\nChunk Size: 64\nJournal: 1",
      ["m 1000 2000 md superblock", "m 100000 2100000 journal", "u 0 1000 -", "u 2000 100000 -"]
    ),
    (
      "Version: 0\nUsed Dev Size: 33728\nBitmap: 8\nBitmap bits: 512",
      [
        "m 20f0000 20f1000 md superblock", "m 20f1000 20f2000 write-intent bitmap", "u 20f2000 2100000 -",
      ]
    ),
    (
      "Version: 1\nAvail Dev Size: 67552\nUsed Dev Size: 40960\nSuper Offset: 67568\nBitmap-: 16\nLog entries: 512\n"
        + "Log-: 8\nBitmap bits: 512",
      [
        "m 20fe000 20ff000 md superblock", "m 20fc000 20fd000 write-intent bitmap", "m 20fd000 20fe000 bad block log",
        "u 1400000 20fc000 -", "u 20ff000 2100000 -",
      ]
    ),
    // During a reshape nothing is known of the data.
    (
      "Version: 1\nAvail Dev Size: 65536\nData Offset: 2048\nSuper Offset: 8\nReshape: 1", ["m 1000 2000 md superblock"]
    ),
  ])
  func arrayMember(text: String, expected: [String]) {
    let text = "Device Size: 34603008\n" + text
    #expect(lines(VolumeHeader.array.areas(parsing: text.split(separator: "\n"))) == expected)
  }

  /// The last two sectors of disks of 64 MiB that mdadm made members of a DDF container and of one with IMSM metadata.
  @Test func firmwareArrays() {
    func text(_ bytes: [(Int, [UInt8])]) -> [Substring] {
      var sectors = [UInt8](repeating: 0, count: 1024)
      for (offset, piece) in bytes { sectors.replaceSubrange(offset..<offset + piece.count, with: piece) }
      let rows = stride(from: 0, to: 1024, by: 16).map { row in
        "end " + sectors[row..<row + 16].map { String($0, radix: 16) }.joined(separator: " ")
      }
      return ["size 67108864"] + rows.map { $0[...] }
    }
    let anchor: [(Int, [UInt8])] = [
      (512, [0xde, 0x11, 0xde, 0x11]), (512 + 101, [1, 0x80, 0]), (512 + 109, [1, 0, 0]), (512 + 125, [1, 0, 0]),
    ]
    let header = VolumeHeader.firmwareArray
    #expect(lines(header.areas(parsing: text(anchor))) == ["m 2000000 4000000 DDF metadata"])
    let none: [(Int, [UInt8])] = anchor + [(512 + 104, [UInt8](repeating: 0xff, count: 8))]
    #expect(lines(header.areas(parsing: text(none))) == ["m 2000000 4000000 DDF metadata"])
    let imsm = Array("Intel Raid ISM Cfg Sig. 1.0.00".utf8)
    #expect(lines(header.areas(parsing: text([(0, imsm), (36, [0xe0, 1])]))) == ["m 3fffc00 3fffe00 IMSM metadata"])
    #expect(lines(header.areas(parsing: text([(0, imsm), (36, [0xe0, 3])]))) == ["m 3fffa00 3fffe00 IMSM metadata"])
    #expect(header.areas(parsing: text([(0, imsm), (36, [255, 255, 255, 255])])).isEmpty)
    #expect(header.areas(parsing: text([])).isEmpty && header.areas(parsing: ["size 1", "end x"]).isEmpty)
  }

  /// What cryptsetup says of a BitLocker volume and of the data segment of LUKS2.
  @Test func encryptedDevices() {
    let dump =
      "area 0\nOffset 35586048\nSize 65536\narea 1\nOffset 43278336\nSize 65536\narea 2\nOffset 50966528\n"
      + "Size 65536\nheader 3\nOffset 35651584\nSize 8192"
    #expect(
      lines(VolumeHeader.bitLocker.areas(parsing: dump.split(separator: "\n"))) == [
        "m 21f0000 2200000 BitLocker metadata", "m 2946000 2956000 BitLocker metadata",
        "m 309b000 30ab000 BitLocker metadata", "m 0 2000 BitLocker header",
      ])
    let luks = "Device Size: 41943552\nSegment: 16777216\nSector: 4096"
    #expect(
      lines(VolumeHeader.luks.areas(parsing: luks.split(separator: "\n"))) == [
        "m 0 1000000 LUKS header", "u 2800000 2800200 -",
      ])
    #expect(
      lines(VolumeHeader.luks.areas(parsing: (luks + "\nLength: 16777216").split(separator: "\n"))) == [
        "m 0 1000000 LUKS header", "u 2000000 2800200 -",
      ])
  }

  @Test func physicalVolumes() {
    let text = """
      pv/8/1/1048576/4194304/0/4/0/vg/plain/public
      pv/8/1/1048576/4194304/4/1/0/vg/[pool_tmeta]/private,thin,pool,metadata
      pv/8/1/1048576/4194304/5/2/0/vg//
      pv/8/1/1048576/4194304/7/1/8388608/vg/[pool_tdata]/private,thin,pool,data
      pv/8/5/1048576/4194304/0/1/0/vg/[slow_corig]/private,cache,origin,cacheorigin
      pv/8/5/1048576/4194304/1/1/0/vg/[fast_cvol]/private
      pv/8/2/1048576/0/0/0/0///
      pv/8/3/x/4194304/0/4/0/vg/plain/public
      pv/8/4/18446744073709551615/4194304/18446744073709551615/18446744073709551615/0/vg/plain/public
      """
    let volumes = PhysicalVolumes(parsing: text.split(separator: "\n"))
    let header = VolumeHeader.lvm.areas(
      parsing: ["label_header: 512", "mda_header_1.start: 4096", "mda_header_1.size: 1044480"])
    #expect(
      lines(volumes.areas(on: "8:1", size: 40 << 20, besides: header)) == [
        "m 1100000 1500000 vg/pool_tmeta", "u 0 200 -", "u 400 1000 -", "u 1500000 1d00000 -", "u 2100000 2800000 -",
      ])
    #expect(
      lines(volumes.areas(on: "8:5", size: 9 << 20, besides: header)) == [
        "m 500000 900000 vg/fast_cvol", "u 0 200 -", "u 400 1000 -",
      ])
    // A physical volume that is in no group, and one that LVM does not know.
    #expect(
      lines(volumes.areas(on: "8:2", size: 2 << 20, besides: header)) == [
        "u 0 200 -", "u 400 1000 -", "u 100000 200000 -",
      ])
    #expect(volumes.areas(on: "8:9", size: 40 << 20, besides: header).isEmpty)
    #expect(lines(volumes.areas(on: "8:4", size: 512, besides: [])) == ["u 0 200 -"])
  }

  /// Numbers come from the guest: those out of range are ignored, and nothing traps.
  @Test func numbersThatCannotBe() {
    let most = String(UInt64.max)
    let texts = [
      "Block size: 1024\nInodes per group: \(most)\nInode size: \(most)\nReserved GDT blocks: \(most)\n"
        + "MMP block number: \(most)\n\(most):\(most):\(most):0-\(most):\(most):\(most):\(most)\n"
        + "inode 1\n(\(most)):\(most), (5-\(most)):7-3, (0):0-\(most), ():, (:):",
      "Block size: 0\n0:0:0:0:0:0:0", "Block size: \(most)",
      "blocksize = \(most)\nagblocks = \(most)\nagcount = 9\nsectsize = \(most)\nlogblocks = \(most)\nlog = \(most)",
      "blocksize = 1\nagblocks = \(most)\nagcount = 9\nsectsize = \(most)",
      "blocksize = 1\nagblocks = 1\nagcount = \(most)\nsectsize = 1",
      "Sector Size: \(most)\nCluster Size: \(most)\nbackup: \(most)\ninode 0\nname '$MFT'\nattribute $DATA\n"
        + "run ffffffffffffffff ffffffffffffffff ffffffffffffffff\nrun 0 0 2\nrun x",
      "nodesize 1\nsuper 8:1 \(most)\nchunk \(most)\nlength \(most) 1 SYSTEM\nstripe 0 devid 1 offset \(most)\n"
        + "extents \(most)\nextent \(most) \(most)\nblock \(most)\nleaf \(most)\ninline 1 \(most) \(most) \(most) 0\nxattr 1 \(most) \(most)",
      "table \(most) \(most) MBR\nfirst \(most)", "label_header: \(most)\nSuper Offset: \(most)\nSegment: 0",
      "Device Size: \(most)\nVersion: 1\nSuper Offset: 8\nData Offset: \(most)\nAvail Dev Size: \(most)\nBitmap: \(most)\n"
        + "Bitmap bits: \(most)\nLog-: \(most)\nLog entries: \(most)\nChunk Size: \(most)\nSector: \(most)\nSegment: 1",
      "Device Size: \(most)\nVersion: 0\nUsed Dev Size: \(most)\nBitmap: 8\nBitmap bits: \(most)",
      "area 0\nOffset \(most)\nSize \(most)\nheader 1\nSize \(most)",
    ]
    for text in texts {
      let lines = text.split(separator: "\n")
      for areas in [
        ExtMetadata.areas(parsing: text), XFSMetadata.areas(parsing: text), NTFSMetadata.areas(parsing: text),
        BtrfsMetadata.areas(parsing: text),
        PartitionTableAreas.areas(parsing: lines), VolumeHeader.lvm.areas(parsing: lines),
        VolumeHeader.array.areas(parsing: lines), VolumeHeader.luks.areas(parsing: lines),
        VolumeHeader.bitLocker.areas(parsing: lines),
      ] {
        #expect(areas.allSatisfy { !$0.range.isEmpty }, "\(text)")
        #expect(areas.count < 1000)
      }
    }
  }

  /// A combining mark after a separator does not hide it.
  @Test func aNumberBehindACombiningMark() {
    let numbers = ToolNumbers(["Block size:\u{301} 1", "Block size: 4096"])
    #expect(numbers["Block size"] == 4096)
  }
}
