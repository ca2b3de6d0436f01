import DiskImage
import SystemPackage
import Testing

struct DiskFormatTests {
  @Test(arguments: [
    ("guest.vmdk", DiskFormat.vmdk), ("guest.VMDK", .vmdk), ("/a/b/guest.VmDk", .vmdk), (".vmdk", .vmdk),
    ("guest.raw", .raw), ("guest", .raw), ("vmdk", .raw), ("guest.vmdk.bak", .raw), ("guest.vmdk1", .raw),
    ("a.vmdk/disk", .raw), ("guestvmdk", .raw), ("", .raw),
    ("guest-flat.vmdk", .raw), ("guest-f001.vmdk", .raw), ("guest-F012.VMDK", .raw), ("lun-rdm.vmdk", .raw),
    ("lun-rdmp.vmdk", .raw), ("guest-s001.vmdk", .vmdk), ("guest-delta.vmdk", .vmdk), ("flat.vmdk", .vmdk),
    ("guest-f01.vmdk", .vmdk), ("f001.vmdk", .vmdk),
  ])
  func theNameAloneTellsTheFormat(_ name: String, _ format: DiskFormat) {
    #expect(DiskFormat.guess(fromName: FilePath(name)) == format)
  }

  @Test func aNameThatIsNotUTF8() {
    let name: [UInt8] = [0xff, 0xfe] + Array(".vmdk".utf8) + [0]
    #expect(DiskFormat.guess(fromName: FilePath(platformString: name.map(CChar.init(bitPattern:)))) == .vmdk)
  }

  /// A guest can write its own first sector. It must not choose which files are opened.
  @Test func aRawDiskStaysRawWhateverItsFirstSectorSays() throws {
    let workspace = try Workspace()
    let text = descriptorText("monolithicFlat", ["RW 1 FLAT \"/etc/passwd\" 0"])
    let path = try workspace.write(Array(text.utf8) + [UInt8](repeating: 0, count: 4096), to: "guest.img")
    let opened = try openDisk(at: path)
    #expect(opened.format == .raw)
    #expect(opened.files == [path])
    #expect(try opened.disk.bytes(at: 0, count: text.utf8.count) == Array(text.utf8))

    var header = SparseWriter(capacity: 128)
    header.put([2], atSector: 1)
    let sparse = try openDisk(at: header.write(workspace, "guest2.img"))
    #expect(sparse.format == .raw)
    #expect(try sparse.disk.bytes(at: 0, count: 4) == Array("KDMV".utf8))
  }

  @Test func anExplicitFormatWins() throws {
    let workspace = try Workspace()
    let raw = try workspace.write([UInt8](repeating: 7, count: 1024), to: "really-raw.vmdk")
    #expect(try openDisk(at: raw, format: .raw).disk.bytes(at: 1000, count: 24) == [UInt8](repeating: 7, count: 24))
    #expect(try refusal(raw).description.contains("is not a VMDK"))

    try workspace.write([UInt8](repeating: 9, count: 512), to: "flat.bin")
    let named = try workspace.write(descriptorText("monolithicFlat", ["RW 1 FLAT \"flat.bin\" 0"]), to: "disk.txt")
    #expect(try openDisk(at: named, format: .vmdk).disk.bytes(at: 0, count: 1) == [9])
  }
}
