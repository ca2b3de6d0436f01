import Testing

@testable import RangeLists

/// Lists of lines, as the programs themselves wrote them.
@Suite struct TextFormatTests {
  /// `ddrescue --test-mode` (1.27) on a disk with a bad part, and the example of its manual.
  private static let mapfile = """
    # Mapfile. Created by GNU ddrescue version 1.27
    # Command line: ddrescue --test-mode=test.map src.raw out.raw real.map
    # Start time:   2026-11-30 15:20:14
    # Current time: 2026-11-30 15:20:14
    # Finished
    # current_pos  current_status  current_pass
    0x0001FC00     +               1
    #      pos        size  status
    0x00000000  0x00010000  +
    0x00010000  0x00010000  -
    0x00020000  0x000E0000  +

    """
  private static let unfinished = """
    # Mapfile. Created by GNU ddrescue version 1.27
    0x00120000     ?               1
    #      pos        size  status
    0x00000000  0x00117000  +
    0x00117000  0x00000200  -
    0x00117200  0x00001000  /
    0x00118200  0x00007E00  *
    0x00120000  0x00048000  ?

    """

  @Test func ddrescue() throws {
    let found = try list(Self.mapfile)
    #expect(found.format == "ddrescue" && found.count == 1 && found.ranges == [0x10000..<0x20000])
    // Neighbours become one range.
    #expect(try list(Self.unfinished).ranges == [0x117000..<0x120000])
    #expect(try list(Self.unfinished, ListOptions(statuses: Array("/".utf8))).ranges == [0x117200..<0x118200])
    #expect(try list(Self.unfinished, ListOptions(statuses: Array("?-".utf8))).count == 2)
    #expect(try list(Self.unfinished, ListOptions(statuses: Array("-".utf8))).ranges == [0x117000..<0x117200])
  }

  /// Without comments, without the pass (before 1.22), and with octal and decimal numbers.
  @Test func ddrescueAsPeopleWriteIt() throws {
    let found = try list("0 +\n0 01000 +  # good\n512\t512 -\r\n02000 0 -\n")
    #expect(found.format == "ddrescue" && found.ranges == [512..<1024])
    for (text, reason) in [
      ("0 + 1\n0 10 +\n11 10 -\n", "line 3: the block does not begin where the one before it ends"),
      ("0 + 1\n0 10 +\n9 10 -\n", "line 3: the block does not begin where the one before it ends"),
      ("0 + 1\n0 10 x\n", "line 2: not a block of a ddrescue mapfile: position, size and status, one of ? * / - +"),
      ("0 + 1\n0 10\n", "line 2: not a block of a ddrescue mapfile: position, size and status, one of ? * / - +"),
      ("0 + 1\n0 10 - 5\n", "line 2: not a block of a ddrescue mapfile: position, size and status, one of ? * / - +"),
      ("0 + 1\n0 08 -\n", "line 2: not a block of a ddrescue mapfile: position, size and status, one of ? * / - +"),
      ("0 + 1\n0xffffffffffffffff 2 +\n", "line 2: the block does not fit in 64 bits"),
      (
        "0 + 1\n0 0x10000000000000000 +\n",
        "line 2: not a block of a ddrescue mapfile: position, size and status, one of ? * / - +"
      ),
      ("0 + 1\n0 10 +\n10 10", "line 3: the list ends in the middle of this line"),
      ("# Mapfile. Created by GNU ddrescue version 1.27\n", "line 1: the ddrescue mapfile ends before its status line"),
      (
        "# Mapfile. Created by GNU ddrescue version 1.27\n0 10 +\n",
        "line 2: not the status line of a ddrescue mapfile: a position, a status and a pass"
      ),
    ] {
      #expect(problem(text) == reason, "\(text)")
    }
  }

  /// `badblocks /dev/mapper/bad` and the same with -b 4096.
  @Test func badblocks() throws {
    let text = "512\n513\n514\n515\n516\n517\n518\n519\n"
    let found = try list(text, ListOptions(format: "badblocks"))
    #expect(found.count == 8 && found.ranges == [524_288..<532_480])
    let larger = try list("128\n129\n", ListOptions(blockSize: 4096))
    #expect(larger.format == "badblocks" && larger.ranges == [524_288..<532_480])
    // Numbers could also be sectors.
    #expect(
      problem(text)
        == "line 1: a number could be a sector or a block: give --list-format sectors, or --list-format badblocks")
    for wrong in ["5x\n", "-5\n", "0x5\n", "5 6\n", "18446744073709551616\n"] {
      #expect(problem(wrong, ListOptions(format: "badblocks")) == "line 1: not the number of a block", "\(wrong)")
    }
    #expect(
      problem("1\n18014398509481984\n", ListOptions(format: "badblocks"))
        == "line 2: the range does not fit in 64 bits")
  }

  /// `nbdinfo --map` (1.14.2): of nbdkit, and of qemu-nbd with a dirty bitmap and with -A.
  @Test func nbdinfo() throws {
    let allocation = """
               0       65536    0  data
           65536       65536    1  hole
          131072       65536    2  zero
          196608      851968    3  hole,zero

      """
    #expect(try list(allocation).ranges == [0..<65536, 131072..<196608])
    let dirty = """
               0     4194304    0  clean
         4194304      131072    1  dirty
         4325376     4063232    0  clean

      """
    let found = try list(dirty)
    #expect(found.format == "nbdinfo" && found.count == 1 && found.ranges == [4_194_304..<4_325_376])
    let depth = """
               0      131072    2  backing depth 2
          131072      917504    0  absent
         1048576       65536    1  local
         1114112      983040    0  absent

      """
    #expect(try list(depth).ranges == [1_048_576..<1_114_112])
    #expect(
      problem("0 4096 1 fancy\n")
        == "line 1: an extent that is not described as base:allocation, qemu:dirty-bitmap or qemu:allocation-depth do")
    #expect(
      problem("0 4096 1 dirty\n4096 1 dirty\n") == "line 2: not an extent: offset, length, type and description")
    #expect(problem("0 4096 1\n", ListOptions(format: "nbdinfo")) != nil)
    #expect(
      problem("0 1 1 dirty\n1 18446744073709551615 1 dirty\n") == "line 2: the range does not fit in 64 bits")
  }

  /// nbdinfo describes the whole disk, from its first byte on.
  @Test func nbdinfoThatWasCut() throws {
    #expect(
      problem("4194304 131072 1 dirty\n")
        == "line 1: the extent begins at byte 4194304, not at 0: a part of nbdinfo's output is missing")
    #expect(
      problem("0 4096 1 dirty\n8192 4096 1 dirty\n")
        == "line 2: the extent begins at byte 8192, not at 4096: a part of nbdinfo's output is missing")
    #expect(problem("0 4096 1 dirty\n0 4096 1 dirty\n") != nil)
    var short = try list("0 4096 1 dirty\n4096 4096 0 clean\n")
    #expect(
      throws: ListError(
        "describes only 8192 of the 12288 bytes of the disk: add what is missing, or choose with --disk")
    ) {
      try short.fit(toDiskOf: 12288)
    }
    // The size of the export may be rounded to sectors.
    for size in [8192, 8193, 8703, 7681] as [UInt64] { try short.fit(toDiskOf: size) }
  }

  @Test func ranges() throws {
    let found = try list("# hit\n\n0x1000-8k\n 10s-12s\n1M-2M # more\n4096-5000\n")
    #expect(found.format == "ranges" && found.count == 4)
    #expect(found.ranges == [4096..<8192, 1_048_576..<2_097_152])
    for wrong in ["5-5\n", "6-5\n", "0-0x\n", "1-2-3\n", "1-\n", "-1\n", "1k2-3k\n", "1 2\n", "17179869184G-1\n"] {
      #expect(
        problem(wrong, ListOptions(format: "ranges")) == "line 1: not a range A-B with A below B", "\(wrong)")
    }
    #expect(problem("0-1\n0-2") == "line 2: the list ends in the middle of this line")
  }

  /// What the kernel (6.1) logs about a disk with bad sectors.
  private static let log = """
    [   20.311571] sd 3:0:0:0: [sdc] tag#156 Add. Sense: Unrecovered read error
    [   20.311582] sd 3:0:0:0: [sdc] tag#156 CDB: Read(10) 28 00 00 00 12 30 00 00 08 00
    [   20.311589] critical medium error, dev sdc, sector 4656 op 0x0:(READ) flags 0x0 phys_seg 1 prio class 2
    [   20.340263] sd 3:0:0:0: [sdc] tag#129 FAILED Result: hostbyte=DID_OK driverbyte=DRIVER_OK cmd_age=0s
    [   20.340364] critical medium error, dev sdc, sector 4664 op 0x0:(READ) flags 0x0 phys_seg 1 prio class 2
    [   20.345562] critical medium error, dev sdc, sector 4664 op 0x0:(READ) flags 0x0 phys_seg 1 prio class 2

    """

  @Test func sectors() throws {
    let found = try list(Self.log)
    #expect(found.format == "sectors" && found.count == 3)
    #expect(found.ranges == [2_383_872..<2_384_384, 2_387_968..<2_388_480])
    let plain: [Range<UInt64>] = [1536..<2048, 2560..<3584]
    #expect(try list("3\n0x5\nsector 6\n", ListOptions(format: "sectors")).ranges == plain)
    #expect(try list("sector 6\n").ranges == [3072..<3584])
    #expect(
      problem(Self.log + "[ 21.0] I/O error, dev sda, sector 1 op 0x0:(READ) flags 0x0 phys_seg 1 prio class 2\n")
        == "line 7: is about sda, but lines before it are about sdc: give the lines of one disk")
    // A line of the log in which the number is damaged is not skipped.
    for rest in ["sector\n", "sector 46x6 op 0x0:(READ)\n", "sector op 0x0:(READ)\n"] {
      #expect(
        problem(Self.log + "[ 21.0] critical medium error, dev sdc, \(rest)")
          == "line 7: no number follows the word sector: the line is damaged")
    }
    #expect(
      problem("sector 36028797018963968\n") == "line 1: the range does not fit in 64 bits")
    #expect(
      problem("nothing to see\nhere\n")
        == "line 2: not a list in a known format (aws, badblocks, ddrescue, nbdinfo, qemu-img, ranges, sectors, vmware)"
    )
    #expect(problem("nothing to see\n", ListOptions(format: "sectors")) == "line 1: no line names a sector")
  }

  @Test func emptyLists() throws {
    for text in [
      "", "\n", "# nothing\n", " \n\t\n", "[]", "[]\n", "{\"changedArea\":[],\"startOffset\":0,\"length\":0}",
    ] {
      let found = try list(text)
      #expect(found.ranges.isEmpty && found.count == 0, "\(text)")
    }
    #expect(try list("", ListOptions(format: "badblocks")).ranges.isEmpty)
    #expect(problem("", ListOptions(format: "ddrescue")) == "line 1: the ddrescue mapfile ends before its status line")
    #expect(problem("[]", ListOptions(format: "aws")) == nil)
    // A list in JSON has at least brackets.
    #expect(
      problem("", ListOptions(format: "aws"))
        == "is empty: the program that should have written this list may have failed")
  }

  @Test func optionsOfOtherFormats() {
    #expect(
      problem("1-2\n", ListOptions(blockSize: 4096))
        == "a list in the format ranges: --block-size is for badblocks")
    #expect(
      problem("1-2\n", ListOptions(statuses: [0x2d])) == "a list in the format ranges: --status is for ddrescue")
  }

  @Test func hostileText() {
    #expect(problem(String(repeating: "x", count: 1 << 17)) == "line 1: more than 65536 bytes")
    let garbage = (0..<4096).map { _ in UInt8.random(in: 0...255) }
    for name in ListFormats.names { _ = try? RangeListReader(ListOptions(format: name)).read(garbage) }
    #expect(throws: ListError.self) { try RangeListReader(ListOptions()).read(Array("\u{0}\n".utf8)) }
  }

  /// A range may end in the last, partial block of the disk, and no further.
  @Test func theEndOfTheDisk() throws {
    var blocks = try list("0\n2\n", ListOptions(blockSize: 4096))
    try blocks.fit(toDiskOf: 9000)
    #expect(blocks.ranges == [0..<4096, 8192..<9000])
    var beyond = try list("# c\n2\n0\n", ListOptions(blockSize: 4096))
    #expect(
      throws: ListError(
        line: 2,
        "the range ends at byte 12288, but the disk has 8192 bytes: give the list of this disk, or choose with --disk")
    ) {
      try beyond.fit(toDiskOf: 8192)
    }
    var exact = try list("0-9001\n")
    #expect(throws: ListError.self) { try exact.fit(toDiskOf: 9000) }
    try exact.fit(toDiskOf: 9001)
  }
}
