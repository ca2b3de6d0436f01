import DiskImage
import Glibc
import SystemPackage
import Testing

/// Snapshots copied from an ESXi server or from Windows that name their parent by its path there.
struct VMDKParentHintTests {
  private let workspace: Workspace

  init() throws { workspace = try Workspace() }

  private func writeParent(cid: String = "aaaaaaaa", name: String = "base.vmdk", byte: UInt8 = 0x11) throws {
    try workspace.write([UInt8](repeating: byte, count: 65536), to: "base-flat.vmdk")
    let text = DescriptorWriter(createType: "vmfs", extents: ["RW 128 VMFS \"base-flat.vmdk\""], cid: cid).text
    try workspace.write(text, to: name)
  }

  /// A snapshot without any grains.
  private func writeChild(hint: String) throws -> FilePath {
    var writer = SparseWriter(capacity: 128)
    writer.put([4], atSector: 1)
    writer.put([0], atSector: 4)
    try writer.write(workspace, "child-s001.vmdk")
    let text = DescriptorWriter(
      createType: "twoGbMaxExtentSparse", extents: ["RW 128 SPARSE \"child-s001.vmdk\""], cid: "bbbbbbbb",
      parentCID: "aaaaaaaa", parent: hint
    ).text
    return try workspace.write(text, to: "child.vmdk")
  }

  @Test(
    arguments: [
      "/vmfs/volumes/5f1e/guest/base.vmdk", "C:\\VMs\\base.vmdk", "\\\\server\\share\\base.vmdk", "D:/VMs/base.vmdk",
      "../base/base.vmdk", "file:///vmfs/base.vmdk",
    ], [false, true])
  func theParentBesideIsRead(_ hint: String, _ allowsExternal: Bool) throws {
    try writeParent()
    let child = try writeChild(hint: hint)
    var options = OpenOptions()
    options.allowsExternal = allowsExternal
    let opened = try openDisk(at: child, options: options)
    #expect(try opened.disk.bytes(at: 65535, count: 1) == [0x11])
    #expect(
      opened.warnings == [
        "\(child): the parent \"\(hint)\" is looked for beside the snapshot by the last part of its name alone: "
          + "\(workspace("base.vmdk")) is there, and has the right CID"
      ])
  }

  /// Another disk with the same name is never used as the parent.
  @Test(arguments: [false, true])
  func anotherDiskOfThatNameIsNot(_ ignoresCID: Bool) throws {
    try writeParent(cid: "cccccccc")
    let child = try writeChild(hint: "/vmfs/volumes/x/base.vmdk")
    var options = OpenOptions()
    options.ignoresCID = ignoresCID
    let error = try failure { _ = try openDisk(at: child, options: options) }
    #expect(error.path == workspace("base.vmdk"))
    #expect(error.message.contains("it is not the parent \"/vmfs/volumes/x/base.vmdk\""), "\(error)")
  }

  @Test func whatIsNotBesideIsRefusedByItsWholeName() throws {
    for (hint, errno) in [
      ("/etc/passwd", EACCES), ("../../etc/passwd", EACCES), ("C:\\VMs\\base.vmdk", ENOENT), ("sub/", EACCES),
      ("/vmfs/..", EACCES), ("C:\\..", EACCES),
    ] {
      let error = try refusal(writeChild(hint: hint))
      #expect(error.errno == errno, "\(hint): \(error)")
    }
  }

  /// The file beside the snapshot may be a link that leads out of the directory.
  @Test func aLinkThatLeadsOutIsRefused() throws {
    try workspace.makeDirectory("outside")
    try workspace.write("secret", to: "outside/base.vmdk")
    try workspace.link("base.vmdk", to: "outside/base.vmdk")
    let error = try refusal(writeChild(hint: "/vmfs/volumes/x/base.vmdk"))
    #expect(error.errno == EACCES)
    #expect(error.message.contains("is refused"), "\(error)")
  }

  /// On Linux a backslash is an ordinary character in a name.
  @Test func aNameWithABackslash() throws {
    try writeParent(name: "a\\base.vmdk")
    let opened = try openDisk(at: writeChild(hint: "a\\base.vmdk"))
    #expect(opened.warnings == [])
    #expect(opened.files.contains(workspace("a\\base.vmdk")))
  }

  /// With allow-external, the path in the descriptor is tried first.
  @Test func theNamedOneComesFirst() throws {
    try writeParent()
    try workspace.makeDirectory("outside")
    try workspace.write([UInt8](repeating: 0x22, count: 65536), to: "outside/base-flat.vmdk")
    try workspace.write(
      DescriptorWriter(createType: "vmfs", extents: ["RW 128 VMFS \"base-flat.vmdk\""], cid: "aaaaaaaa").text,
      to: "outside/base.vmdk")
    let child = try writeChild(hint: workspace("outside").appending("base.vmdk").string)
    #expect(try openDisk(at: child).disk.bytes(at: 0, count: 1) == [0x11])
    var options = OpenOptions()
    options.allowsExternal = true
    let opened = try openDisk(at: child, options: options)
    #expect(try opened.disk.bytes(at: 0, count: 1) == [0x22])
    #expect(opened.warnings == [])
  }
}
