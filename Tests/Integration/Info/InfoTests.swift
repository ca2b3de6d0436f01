import SystemPackage
import Testing

/// `virt-bmap info`, as a user calls it.
@Suite struct InfoTests {
  private let scratch: Scratch
  private let disks: SmallVMDKs

  init() throws {
    scratch = try Scratch()
    disks = SmallVMDKs(scratch: scratch)
  }

  private func info(_ arguments: [any Word]) async throws -> Outcome {
    try await run(try Products.mapper.string, ["info"] + arguments, in: scratch.path)
  }

  private func text(_ arguments: any Word...) async throws -> String {
    let outcome = try await info(arguments)
    #expect(outcome.end == .exited(0) && outcome.errors.text == "", "\(outcome.errors.text)")
    return outcome.output.text
  }

  private func json(_ arguments: any Word...) async throws -> InfoJSON {
    let outcome = try await info(arguments + ["--json"])
    #expect(outcome.end == .exited(0) && outcome.errors.text == "", "\(outcome.errors.text)")
    return try InfoJSON(outcome.output)
  }

  @Test(arguments: [
    "monolithicSparse", "monolithicFlat", "twoGbMaxExtentSparse", "twoGbMaxExtentFlat", "streamOptimized",
  ])
  func agreesWithQemu(kind: String) async throws {
    let disk = try await disks.converted(kind)
    let (ours, theirs) = (try await json(disk), try await QemuInfo(of: disk))
    let isFlat = kind.hasSuffix("Flat")
    #expect(ours.path == disk.string && ours.format == "vmdk" && ours.createType == kind)
    #expect(theirs.specific.data.createType == kind)
    #expect(ours.virtualSize == theirs.virtualSize)
    #expect(ours.cid?.utf8.count == 8)
    #expect(ours.cid.flatMap { UInt32($0, radix: 16) } == theirs.specific.data.cid)
    #expect(ours.parentCid == nil && theirs.specific.data.parentCID == 0xffff_ffff)
    #expect(ours.adapterType == "ide" && ours.hardwareVersion == "4" && ours.toolsVersion == "2147483647")
    #expect(ours.geometry == ["cylinders": 16, "heads": 16, "sectors": 63])
    #expect(ours.ddb.contains(.init(key: "ddb.adapterType", value: "ide")))
    #expect(ours.settings.contains(.init(key: "createType", value: kind)))
    #expect(ours.uuids == [] && ours.warnings == [])

    let link = try #require(ours.chain.first)
    #expect(ours.chain.count == 1 && link.cid == ours.cid && link.createType == kind)
    #expect(link.extents.map(\.file) == theirs.specific.data.extents.map(\.name))
    #expect(link.extents.map(\.size) == theirs.specific.data.extents.map(\.size))
    if !isFlat { #expect(link.extents.map(\.grains?.grainSize) == theirs.specific.data.extents.map(\.clusterSize)) }
    for extent in link.extents {
      #expect(extent.access == "RW" && extent.type == (isFlat ? "FLAT" : "SPARSE") && extent.state == "ok")
      #expect(extent.fileOffset == (isFlat ? 0 : nil))
      #expect(extent.grains?.compressed == (isFlat ? nil : kind == "streamOptimized"))
    }
    // qemu-img also writes the first block of a flat file.
    #expect(ours.allocatedSize == (isFlat ? link.files.dropFirst().map(\.diskUsage).reduce(0, +) : 2 << 20))
    #expect(ours.zeroSize == 0 && ours.unreadableSize == 0)
    let du = try await tool("du", ["--block-size=1", "-c"] + link.files.map(\.path))
    #expect(du.outputLines.last?.split(separator: "\t").first.flatMap { UInt64($0) } == ours.diskUsage)
    let sizes = try link.files.map { try fileSize(FilePath($0.path)) }
    #expect(ours.fileSize == sizes.reduce(0, +) && link.files.map(\.size) == sizes)
  }

  @Test func chain() async throws {
    let files = try await disks.chain()
    let info = try await json(files[2])
    #expect(info.chain.map(\.path) == files.reversed().map(\.string))
    #expect(info.chain.map(\.allocatedSize) == [0, 128 << 10, 1 << 20])
    #expect(info.chain.map(\.parentHint) == ["middle.vmdk", "base.vmdk", nil])
    for (link, file) in zip(info.chain, files.reversed()) {
      let theirs = try await QemuInfo(of: file)
      #expect(link.cid.flatMap { UInt32($0, radix: 16) } == theirs.specific.data.cid)
      #expect(link.parentCid.flatMap { UInt32($0, radix: 16) } ?? 0xffff_ffff == theirs.specific.data.parentCID)
      #expect(link.parentHint == theirs.backingName)
      #expect(link.virtualSize == theirs.virtualSize)
    }
    #expect(info.parentCid == info.chain[1].cid && info.chain[1].parentCid == info.chain[2].cid)
    #expect(info.allocatedSize == 0, "the parents' bytes do not count")
    let lines = try await text(files[2]).split(separator: "\n")
    #expect(lines.contains("parent cid: \(info.parentCid ?? "")"))
    #expect(lines.contains("    image 3: \(files[0])") && lines.contains("        parent hint: base.vmdk"))
  }

  @Test func rawDisk() async throws {
    let disk = try disks.raw()
    let info = try await json(disk)
    #expect(info.format == "raw" && info.createType == nil && info.cid == nil && info.ddb == [])
    #expect(info.virtualSize == 8 << 20 && info.fileSize == 8 << 20 && info.allocatedSize == 2 << 20)
    #expect(info.chain.map { $0.extents.map(\.file) } == [[disk.string]])
    #expect(
      try await text("-f", "raw", disk).hasPrefix(
        """
        image: \(disk)
        format: raw
        virtual size: 8 MiB (8388608 bytes)
        allocated size: 2 MiB (2097152 bytes)

        """))
  }

  /// Values in a descriptor reach the terminal and the JSON as text only.
  @Test func hostileValues() async throws {
    try scratch.makeHole("flat", size: 1 << 20)
    let name = Array("ha\u{1b}[31m\n\u{202e}".utf8) + [0xff] + Array(".vmdk".utf8)
    let descriptor =
      Array(
        """
        # Disk DescriptorFile
        version=1
        CID=1
        parentCID=ffffffff
        createType="custom"
        encoding="windows-1252"
        changeTrackPath="\u{1b}]0;pwned\u{7}"
        RW 8 ZERO
        NOACCESS 8 FLAT "x" 0
        RDONLY 1536 FLAT "flat" 512
        ddb.geometry.biosHeads="255"
        ddb.geometry.heads="-1"
        ddb.uuid = "60 00 C2 9b"
        ddb.uuid.image="a\\"b\\c"
        ddb.longContentID="\u{9b}31m\u{2028}\u{202e}é
        """.utf8) + [0x80, 0x22, 0x0a] + Array("ddb.k\u{1}ey\u{1b}=\"empty\"\n".utf8)
    let path = scratch.path.bytes + [0x2f] + name + [0]
    try descriptor.write(to: FilePath(platformString: path.map(CChar.init(bitPattern:))))

    let text = try await text(name)
    #expect(
      !text.unicodeScalars.contains { $0.value < 0x20 && $0 != "\n" || [0x9b, 0x2028, 0x202e].contains($0.value) })
    let lines = text.split(separator: "\n").filter { !$0.contains("file size: ") && !$0.contains("disk usage: ") }
    let expected = #"""
      image: ha\033[31m\012\342\200\256\377.vmdk
      format: vmdk
      create type: custom
      virtual size: 776 KiB (794624 bytes)
      allocated size: 0 bytes
      cid: 00000001
      encoding: windows-1252
      geometry: 255 BIOS heads
      long content id: \302\23331m\342\200\250\342\200\256é\200
      uuid: 60 00 C2 9b
      ddb.uuid.image: a\134"b\134c
      other settings:
          changeTrackPath: \033]0;pwned\007
      disk database:
          ddb.geometry.biosHeads: 255
          ddb.geometry.heads: -1
          ddb.uuid: 60 00 C2 9b
          ddb.uuid.image: a\134"b\134c
          ddb.longContentID: \302\23331m\342\200\250\342\200\256é\200
          ddb.k\001ey\033: empty
      chain:
          image 1: ha\033[31m\012\342\200\256\377.vmdk
              create type: custom
              virtual size: 776 KiB (794624 bytes)
              allocated size: 0 bytes
              cid: 00000001
              encoding: windows-1252
              extent 1:
                  access: RW
                  type: ZERO
                  start: 0 bytes
                  size: 4 KiB (4096 bytes)
                  allocated size: 0 bytes
                  zero size: 4 KiB (4096 bytes)
                  unreadable size: 0 bytes
                  state: ok
              extent 2:
                  access: NOACCESS
                  type: FLAT
      """#
    #expect(lines.prefix(39).joined(separator: "\n") == expected)

    let info = try await json(name)
    #expect(info.path == "ha\\033[31m\\012\u{202e}\\377.vmdk")
    #expect(info.longContentId == "\\302\\23331m\u{2028}\u{202e}é\\200")
    #expect(info.geometry == ["bios_heads": 255])
    #expect(info.uuids.map(\.key) == ["ddb.uuid", "ddb.uuid.image"])
    #expect(info.uuids.map(\.value) == ["60 00 C2 9b", "a\\134\"b\\134c"])
    #expect(info.ddb.last == .init(key: "ddb.k\\001ey\\033", value: "empty"))
    #expect(info.chain[0].extents.map(\.access) == ["RW", "NOACCESS", "RDONLY"])
    #expect(info.chain[0].extents.map(\.state) == ["ok", "inaccessible", "ok"])
    #expect(info.chain[0].extents.map(\.start) == [0, 4096, 8192])
    #expect(info.chain[0].extents.map(\.fileOffset) == [nil, nil, 512 * 512])
    #expect(info.zeroSize == 4096 && info.unreadableSize == 4096)
  }

  @Test func damage() async throws {
    let disk = try await disks.converted("monolithicSparse")
    let directories = try [48, 56].map { UInt64(512) * (try disks.number(in: disk, at: $0, width: 8)) }

    // The redundant directory is intact, so damage to the other one only gives a warning.
    let first = try disks.number(in: disk, at: directories[1], width: 4)
    try disks.overwrite(disk, at: directories[1], with: [0xff, 0xff, 0xff, 0x7f])
    var info = try await json(disk)
    #expect(info.warnings.count == 1 && info.warnings.first?.contains("the copy is used") == true)
    #expect(info.chain[0].extents[0].state == "damaged" && info.unreadableSize == 0)
    #expect(info.allocatedSize == 2 << 20)

    // The entry for 1 MiB in both tables.
    try disks.overwrite(disk, at: directories[1], with: withUnsafeBytes(of: UInt32(first).littleEndian, Array.init))
    for directory in directories {
      let table = 512 * (try disks.number(in: disk, at: directory, width: 4))
      try disks.overwrite(disk, at: table + 16 * 4, with: [0xf0, 0xff, 0xff, 0x7f])
    }
    info = try await json(disk)
    #expect(info.warnings.count == 1, "\(info.warnings)")
    #expect(info.warnings.first?.contains("65536 bytes of the disk cannot be read") == true, "\(info.warnings)")
    #expect(info.chain[0].extents[0].state == "damaged" && info.unreadableSize == 65536)
    #expect(info.allocatedSize == 2 << 20 - 65536)
    let lines = try await text(disk).split(separator: "\n")
    #expect(lines.filter { $0.hasPrefix("warning: ") } == info.warnings.map { "warning: \($0)" })
    #expect(lines.contains("            state: damaged"))
    #expect(lines.contains("            unreadable size: 64 KiB (65536 bytes)"))
  }

  @Test func notClosedCleanly() async throws {
    let disk = try await disks.converted("monolithicSparse")
    try disks.overwrite(disk, at: 72, with: [1])
    let info = try await json(disk)
    #expect(info.chain[0].extents.map(\.state) == ["unclean"])
    #expect(info.chain[0].extents.map(\.grains?.closedCleanly) == [false])
    #expect(info.warnings.count == 1)
    #expect(try await text(disk).contains("\n            state: not closed cleanly\n"))
  }

  @Test func allowExternal() async throws {
    let files = try await disks.chain(in: ["", "one", "one"])
    expectOneLine(try await info([files[1]]), "middle.vmdk", "allow-external")
    #expect(try await json("--allow-external", files[1]).chain.count == 2)
  }

  @Test func ignoreCID() async throws {
    let files = try await disks.chain()
    try disks.changeCID(of: files[0])
    expectOneLine(try await info([files[2]]), "base.vmdk", "ignore-cid")
    let info = try await json("--ignore-cid", files[2])
    #expect(info.warnings.count == 1 && info.warnings.first?.contains("was changed after the snapshot") == true)
  }

  @Test func ignoreJournal() async throws {
    let disk = try disks.seSparse(replaysJournal: true)
    expectOneLine(try await info([disk]), "disk-sesparse.vmdk", "ignore-journal")
    let info = try await json("--ignore-journal", disk)
    #expect(info.warnings.count == 1 && info.warnings.first?.contains("journal") == true)
    let extent = try #require(info.chain.first?.extents.first)
    #expect(extent.grains?.kind == "seSparse" && extent.grains?.version == "2.1" && extent.state == "unclean")
    #expect(extent.allocatedSize == 4096 && extent.zeroSize == 8192 && extent.size == 16 << 20)
  }

  @Test func errorsAreOneLine() async throws {
    expectOneLine(try await info(["missing.vmdk"]), "missing.vmdk: cannot open: No such file or directory")
    expectOneLine(try await info([]), "virt-bmap info --help")
    expectOneLine(try await info(["-f", "qcow2", "disk"]), "qcow2")
    try scratch.makeHole("none.vmdk", size: 1 << 20)
    expectOneLine(try await info(["none.vmdk"]), "none.vmdk: ")
    let program = try Products.mapper
    let outcome = try await run("sh", ["-c", "'\(program)' info -f raw none.vmdk > /dev/full"], in: scratch.path)
    expectOneLine(outcome, "standard output: No space left on device")
  }

  @Test func help() async throws {
    let help = try await text("--help")
    for word in ["--format", "--allow-external", "--ignore-cid", "--ignore-journal", "--json", "Exit status"] {
      #expect(help.contains(word), "\(word)")
    }
  }
}
