import DiskImage
import SystemPackage
import Testing

/// Descriptors as other programs and people write them. qemu-img is the reference for what they describe.
struct VMDKOddDescriptorTests {
  private static let body =
    "version=1\nCID=12345678\nparentCID=ffffffff\ncreateType=\"monolithicFlat\"\nRW 4 FLAT \"one.bin\" 0\n"

  /// Variants of the first lines, and oddities after them, each with the expected warnings.
  static let texts: [(text: String, warnings: [String])] = [
    ("# Disk DescriptorFile\n" + body, []),
    ("# Disk Descriptor File\n" + body, []),
    ("#Disk Descriptor File\n" + body, []),
    ("#Disk DescriptorFile\n" + body, []),
    ("#  Disk \t DescriptorFile\n" + body, []),
    ("# Description file created by VMDK stream converter\n" + body, []),
    ("\u{feff}# Disk DescriptorFile\n" + body, []),
    ("\u{feff}" + body, []),
    (body, []),
    ("# A comment.\n\n" + body, []),
    (
      "# Disk DescriptorFile\nCID=12345678\n" + body,
      ["line 4: \"CID\" appears a second time; the first one counts"]
    ),
    (
      "# Disk DescriptorFile\n" + body + "createType=\"vmfs\"\nversion=1\n",
      [
        "line 7: \"createType\" appears a second time; the first one counts",
        "line 8: \"version\" appears a second time; the first one counts",
      ]
    ),
    (
      "# Disk DescriptorFile\n" + body + "Change \u{1b}[31m Tracking File\n",
      [
        "line 7 is neither a comment, a setting nor an extent, and is left out: "
          + "\"Change \\033[31m Tracking File\""
      ]
    ),
    (
      "# Disk DescriptorFile\nRW 0 FLAT \"not-there.bin\" 0\n" + body + "RDONLY 0 ZERO\n",
      [
        "line 2: an extent of 0 sectors is left out: \"RW 0 FLAT \"not-there.bin\" 0\"",
        "line 8: an extent of 0 sectors is left out: \"RDONLY 0 ZERO\"",
      ]
    ),
  ]

  @Test(arguments: texts)
  func isRead(_ text: String, _ warnings: [String]) async throws {
    let workspace = try Workspace()
    let content = (0..<2048).map { UInt8(truncatingIfNeeded: $0 / 7) }
    try workspace.write(content, to: "one.bin")
    let path = try workspace.write(text, to: "disk.vmdk")
    let opened = try openDisk(at: path)
    #expect(try opened.disk.bytes(at: 0, count: 2048) == content)
    #expect(opened.disk.size == 2048)
    #expect(opened.warnings == warnings.map { "\(path): \($0)" })
    #expect(opened.chain.first?.createType == "monolithicFlat")
    #expect(opened.chain.first?.cid == 0x1234_5678)
    try await QemuImg.convertBack(path, to: workspace("back"))
    #expect(try workspace.contents(of: workspace("back")) == content)
  }

  /// A hostile image may contain nothing but oddities. They are reported in a few lines of bounded length.
  @Test func oddLinesAreToldWithinBounds() throws {
    let workspace = try Workspace()
    try workspace.write([UInt8](repeating: 1, count: 2048), to: "one.bin")
    let long = String(repeating: "x", count: 5000)
    let text =
      "# Disk DescriptorFile\n" + Self.body + String(repeating: "nonsense \(long)\n", count: 100)
      + String(repeating: "RW 0 ZERO\n", count: 100_000) + String(repeating: "CID=\(long)\n", count: 100)
    let warnings = try openDisk(at: workspace.write(text, to: "disk.vmdk")).warnings
    #expect(warnings.count == 9)
    #expect(warnings.allSatisfy { $0.utf8.count < 400 })
    #expect(warnings.last?.hasSuffix(": 100192 more lines of the descriptor are left out in the same way") == true)
  }

  /// The header identifies a VMDK, whatever the embedded text starts with.
  @Test(arguments: [
    "# Description file created by VMDK stream converter\n", "# Disk Descriptor File\n", "", "# \n", "stray\n",
    "\u{feff}",
  ])
  func insideAnExtent(_ first: String) async throws {
    let workspace = try Workspace()
    var writer = SparseWriter(capacity: 128)
    writer.directory = 20
    writer.overhead = 256
    writer.put([21], atSector: 20)
    writer.put([256], atSector: 21)
    writer.putGrain(0x5a, atSector: 256)
    writer.putDescriptor(
      first + "version=1\nCID=1\nparentCID=ffffffff\ncreateType=\"monolithicSparse\"\nRW 128 SPARSE \"disk.vmdk\"\n")
    let path = try writer.write(workspace, "disk.vmdk")
    let opened = try openDisk(at: path)
    let content = [UInt8](repeating: 0x5a, count: 65536)
    #expect(try opened.disk.bytes(at: 0, count: 65536) == content)
    #expect(opened.warnings.count == (first.hasPrefix("stray") ? 1 : 0))
    try await QemuImg.convertBack(path, to: workspace("back"))
    #expect(try workspace.contents(of: workspace("back")) == content)
  }

  /// qemu-img reserves space for a descriptor in an extent whose descriptor is in another file.
  @Test(arguments: ["", " \n\n", "\0# Disk DescriptorFile\n"])
  func anExtentWithAnEmptyOne(_ text: String) throws {
    let workspace = try Workspace()
    var writer = SparseWriter(capacity: 128)
    writer.directory = 20
    writer.put([21], atSector: 20)
    writer.put([128], atSector: 21)
    writer.putGrain(0x5a, atSector: 128)
    writer.putDescriptor(text)
    let path = try writer.write(workspace, "disk-s001.vmdk")
    let opened = try openDisk(at: path)
    #expect(opened.disk.size == 65536)
    #expect(try opened.disk.bytes(at: 1, count: 1) == [0x5a])
    #expect(opened.warnings == ["\(path): has no descriptor: it is read as a disk, but may be a part of one"])
    #expect(opened.chain.first?.createType == nil)
  }

  @Test func anExtentThatQemuMade() async throws {
    let workspace = try Workspace()
    try await run(
      tool: "qemu-img",
      ["create", "-q", "-f", "vmdk", "-o", "subformat=twoGbMaxExtentSparse", workspace("disk.vmdk").string, "3G"])
    let opened = try openDisk(at: workspace("disk-s002.vmdk"))
    #expect(opened.disk.size == 1 << 30)
    #expect(opened.warnings.count == 1)
  }
}
