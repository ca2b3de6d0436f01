import DiskImage
import Glibc
import SystemPackage
import Testing

struct VMDKDescriptorTests {
  /// A workspace with two flat files of 4 sectors: one of 0x11, one half 0x22 and half 0x33.
  private func flatFiles() throws -> Workspace {
    let workspace = try Workspace()
    try workspace.write([UInt8](repeating: 0x11, count: 2048), to: "one.bin")
    try workspace.write([UInt8](repeating: 0x22, count: 1024) + [UInt8](repeating: 0x33, count: 1024), to: "two.bin")
    return workspace
  }

  private func open(
    _ workspace: Workspace, _ extents: [String], type: String = "twoGbMaxExtentFlat"
  ) throws -> OpenedDisk {
    try openDisk(at: workspace.write(descriptorText(type, extents), to: "disk.vmdk"))
  }

  @Test func mixedExtents() throws {
    let workspace = try flatFiles()
    var writer = SparseWriter(capacity: 128)
    writer.put([4], atSector: 1)
    writer.put([128], atSector: 4)
    writer.putGrain(0x44, atSector: 128)
    try writer.write(workspace, "sparse.bin")
    let opened = try open(
      workspace,
      [
        "RW 4 FLAT \"one.bin\" 0", "RW 3 ZERO", "RDONLY 2 FLAT \"two.bin\" 2", "RW 9 SPARSE \"sparse.bin\"",
        "RW 1 FLAT \"one.bin\" 3", "NOACCESS 5 FLAT \"not-there\" 0", "RW 1 FLAT \"two.bin\"",
      ])
    let disk = opened.disk
    #expect(disk.size == 25 * 512)
    func block(_ byte: UInt8, _ sectors: Int) -> [UInt8] { [UInt8](repeating: byte, count: sectors * 512) }
    let expected = block(0x11, 4) + block(0, 3) + block(0x33, 2) + block(0x44, 9) + block(0x11, 1)
    #expect(try disk.bytes(at: 0, count: 19 * 512) == expected)
    #expect(try disk.bytes(at: 24 * 512, count: 512) == block(0x22, 1))
    for offset in stride(from: 0, to: 19 * 512 - 555, by: 100) {
      #expect(try disk.bytes(at: UInt64(offset), count: 555) == Array(expected[offset..<(offset + 555)]))
    }
    #expect(
      try disk.extents().map { [$0.range.lowerBound / 512, $0.range.upperBound / 512] } == [[0, 4], [4, 7], [7, 25]])
    #expect(try disk.extents().map(\.state) == [.data, .zero, .data])

    // Reading an extent with NOACCESS fails; reading its neighbours does not.
    #expect(try failure { _ = try disk.bytes(at: 19 * 512, count: 1) }.errno == EPERM)
    #expect(try failure { _ = try disk.bytes(at: 24 * 512 - 1, count: 1) }.errno == EPERM)
    #expect(try failure { _ = try disk.bytes(at: 0, count: 25 * 512) }.errno == EPERM)
    #expect(opened.files.map { $0.lastComponent?.string } == ["disk.vmdk", "one.bin", "two.bin", "sparse.bin"])
  }

  @Test func theTextMayBeWrittenInManyWays() throws {
    let workspace = try flatFiles()
    let texts = [
      "# disk descriptorfile\r\nVERSION = 1\r\nCreateType = \"monolithicFlat\"\r\n\r\nRW 4 FLAT \"one.bin\" 0\r\n",
      "\n\n  # Disk DescriptorFile  \ncreateType=monolithicFlat\n\tRW\t4  FLAT   \"one.bin\"\t0",
      "# Disk DescriptorFile\nencoding=\"UTF-8\"\ncreateType=\"2GbMaxExtentFlat\"\nparentCID = \"FFFFFFFF\"\n"
        + "RW 4 FLAT \"one.bin\" 0\n#DDB\nddb.a = \"1\"\nddb.a = \"2\"\nchangeTrackPath=\"x\"\n",
      // qemu pads the file with whatever it had in memory.
      "# Disk DescriptorFile\ncreateType=\"monolithicFlat\"\nRW 4 FLAT \"one.bin\" 0\n\0\0\nRW 1 ZERO\n\u{1}",
    ]
    for text in texts {
      #expect(try openDisk(at: workspace.write(text, to: "d.vmdk")).disk.bytes(at: 2047, count: 1) == [0x11], "\(text)")
    }
  }

  @Test func namesThatAreNotUTF8() throws {
    let workspace = try Workspace()
    let name: [UInt8] = [0x66, 0xe9, 0x20, 0x3d, 0xff]
    let path = workspace.path.appending(FilePath(platformString: name.map(CChar.init(bitPattern:)) + [0]).components)
    let file = try FileDescriptor.open(path, .writeOnly, options: [.create], permissions: [.ownerReadWrite])
    try file.closeAfter { _ = try file.writeAll([UInt8](repeating: 5, count: 512)) }
    let text =
      Array("# Disk DescriptorFile\ncreateType=\"monolithicFlat\"\nRW 1 FLAT \"".utf8) + name + Array("\" 0\n".utf8)
    let opened = try openDisk(at: workspace.write(text, to: "d.vmdk"))
    #expect(try opened.disk.bytes(at: 511, count: 1) == [5])
    #expect(opened.files.count == 2)
  }

  @Test func aDescriptorFoundThroughALink() throws {
    let workspace = try flatFiles()
    try workspace.makeDirectory("sub")
    try workspace.write(descriptorText("monolithicFlat", ["RW 4 FLAT \"one.bin\" 0"]), to: "disk.vmdk")
    try workspace.link("sub/link.vmdk", to: "../disk.vmdk")
    #expect(try openDisk(at: workspace("sub").appending("link.vmdk")).disk.size == 2048)
  }

  // MARK: Invalid descriptors

  static let wrongLines: [(line: String, message: String, errno: Int32)] = [
    ("RW -1 ZERO", "has to be a number of sectors", EINVAL),
    ("RW 99999999999999999999999 ZERO", "has to be a number of sectors", EINVAL),
    ("RW 18446744073709551615 ZERO", "too large", EINVAL),
    ("RW 36028797018963968 ZERO", "too large", EINVAL),
    ("RW", "has to be a number of sectors", EINVAL),
    ("RW 4", "unknown extent type", EINVAL),
    ("RW 4 FLATTER \"one.bin\" 0", "unknown extent type", EINVAL),
    ("RW 4 FLAT", "file name is missing", EINVAL),
    ("RW 4 FLAT one.bin 0", "file name is missing", EINVAL),
    ("RW 4 FLAT \"one.bin", "file name is missing", EINVAL),
    ("RW 4 FLAT \"\" 0", "file name is missing", EINVAL),
    ("RW 4 FLAT \"one.bin\" -1", "offset in sectors", EINVAL),
    ("RW 4 FLAT \"one.bin\" 0 0", "offset in sectors", EINVAL),
    ("RW 4 FLAT \"one.bin\" 18014398509481983", "offset in sectors", EINVAL),
    ("RW 4 ZERO \"one.bin\"", "has no file", EINVAL),
    ("RW 4 SPARSE \"one.bin\" 7", "begins at its file's start", EINVAL),
    ("RW 4 SPARSE \"one.bin\"", "has no VMDK header", EINVAL),
    ("RW 5 FLAT \"one.bin\" 0", "has 2048 bytes, but line 8 of the descriptor needs 2560", EIO),
    ("RW 4 FLAT \"one.bin\" 1", "has 2048 bytes, but line 8 of the descriptor needs 2560", EIO),
    ("RW 1 FLAT \"one.bin\" 4503599627370496", "of the descriptor needs", EIO),
    ("RW 4 FLAT \"missing.bin\" 0", "cannot open the extent of line 8: No such file or directory", ENOENT),
    ("RW 5 VMFS \"one.bin\"", "has 2048 bytes, but line 8 of the descriptor needs 2560", EIO),
    ("RW 4 VMFSRDM \"one.bin\" x", "offset in sectors", EINVAL),
    ("RW 4 VMFSSPARSE \"one.bin\"", "has no VMDK header", EINVAL),
    ("RW 4 SESPARSE \"one.bin\"", "has no VMDK header", EINVAL),
    ("RW 4 VMFSRAW \"/vmfs/devices/disks/naa.1\"", "is refused", EACCES),
    ("rw 4 ZERO", "line 8: an extent's access has to be", EINVAL),
  ]

  @Test(arguments: wrongLines)
  func isRefused(_ line: String, _ message: String, _ errno: Int32) throws {
    let error = try failure { _ = try open(flatFiles(), [line, "RW 4 FLAT \"one.bin\" 0"]) }
    #expect(error.message.contains(message), "\(error)")
    #expect(error.errno == errno)
    #expect(error.description.contains(".vmdk: ") || error.description.contains(".bin: "))
  }

  @Test func wholeTextsThatCannotBeRight() throws {
    let workspace = try flatFiles()
    let extent = "RW 4 FLAT \"one.bin\" 0\n"
    let head = "# Disk DescriptorFile\n"
    let texts: [(String, String)] = [
      (head, "has no createType"),
      (head + "createType=\"monolithicFlat\"\n", "names no extents"),
      (head + extent, "has no createType"),
      (head + "createType=\"fancy\"\n" + extent, "unknown createType \"fancy\""),
      (head + "version=5\ncreateType=\"monolithicFlat\"\n" + extent, "descriptor version 5"),
      (head + "parentCID=xyz\ncreateType=\"monolithicFlat\"\n" + extent, "not a hexadecimal number"),
      (head + "encoding=\"klingon\"\ncreateType=\"monolithicFlat\"\n" + extent, "encoding \"klingon\""),
      (head + "parentCID=+1\ncreateType=\"monolithicFlat\"\n" + extent, "not a hexadecimal number"),
      (head + "parentCID=0\ncreateType=\"monolithicFlat\"\n" + extent, "snapshot"),
      ("A text of another kind.\ncreateType=\"monolithicFlat\"\n", "is not a VMDK"),
      ("A text of another kind.\n" + extent, "is not a VMDK"),
      (head + "createType=\"monolithicFlat\"\nRW 0 FLAT \"one.bin\" 0\n", "names no extents"),
      (head + "createType=\"monolithicFlat\"\n\0" + extent, "names no extents"),
      (String(repeating: "\n", count: 600), "empty VMDK descriptor"),
      (
        head + "createType=\"monolithicFlat\"\n" + String(repeating: "RW 1 ZERO\n", count: 32769),
        "more than 32768 extents"
      ),
      (
        head + "createType=\"monolithicFlat\"\n" + String(repeating: "RW 10000000000000000 ZERO\n", count: 4),
        "larger than"
      ),
      (head + String(repeating: "#\n", count: 2_100_000), "no more than"),
    ]
    for (text, message) in texts {
      let error = try refusal(workspace.write(text, to: "d.vmdk"))
      #expect(error.message.contains(message), "\(error)")
    }
    let utf16 = Array((head + extent).utf16).flatMap { [UInt8(truncatingIfNeeded: $0), UInt8($0 >> 8)] }
    for text in [[0xff, 0xfe] + utf16, utf16] {
      #expect(try refusal(workspace.write(text, to: "d.vmdk")).message.contains("UTF-16"))
    }
  }

  @Test func aMillionExtentsAreNotRead() throws {
    let workspace = try Workspace()
    let text =
      "# Disk DescriptorFile\ncreateType=\"monolithicFlat\"\n" + String(repeating: "RW 1 ZERO\n", count: 100_000)
    #expect(try refusal(workspace.write(text, to: "d.vmdk")).message.contains("more than 32768 extents"))
  }

  @Test func aHundredMegabytesAreNotRead() throws {
    let workspace = try Workspace()
    let path = try workspace.write("# Disk DescriptorFile\n", to: "d.vmdk")
    try workspace.truncate(path, to: 100 << 20)
    #expect(try refusal(path).message.contains("no more than 4194304 bytes"))
  }
}
