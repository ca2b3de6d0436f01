import DiskImage
import SystemPackage
import Testing

/// Disks that are raw by name but start or end like another image format.
struct ImageMagicTests {
  private let workspace: Workspace

  init() throws { workspace = try Workspace() }

  static let images: [(format: String, options: [String])] = [
    ("qcow2", []), ("qcow", []), ("qed", []), ("vdi", []), ("vhdx", []), ("vpc", ["-o", "subformat=dynamic"]),
    ("vpc", ["-o", "subformat=fixed"]), ("parallels", []), ("vmdk", []), ("vmdk", ["-o", "subformat=streamOptimized"]),
    ("vmdk", ["-o", "subformat=monolithicFlat"]),
  ]

  @Test(arguments: images)
  func isToldWhatItSeemsToBe(_ format: String, _ options: [String]) async throws {
    for name in ["disk.img", "disk-0.vmdk.000000000", "box-disk001"] {
      let path = workspace(name)
      let raw = try workspace.write([UInt8](repeating: 1, count: 1 << 20), to: "content")
      try await run(
        tool: "qemu-img", ["convert", "-f", "raw", "-O", format] + options + [raw.string, path.string])
      let opened = try openDisk(at: path)
      #expect(opened.seemsToBe?.format == format)
      #expect(opened.seemsToBe?.isAtEnd == options.contains("subformat=fixed"))
      // The disk is still raw, as its name says, with all its bytes.
      #expect(opened.format == .raw)
      #expect(try opened.disk.bytes(at: 0, count: 512) == Array(workspace.contents(of: path).prefix(512)))
      // An explicit format is not questioned.
      #expect(try openDisk(at: path, format: .raw).seemsToBe == nil)
    }
  }

  /// An extent is raw by name, and its guest may have written anything.
  @Test func anExtentOfRawBytes() async throws {
    try workspace.write(Array("KDMV".utf8) + [UInt8](repeating: 0, count: 4096), to: "disk-flat.vmdk")
    #expect(try openDisk(at: workspace("disk-flat.vmdk")).seemsToBe?.format == "vmdk")
  }

  @Test func otherDisksAreNone() async throws {
    for (content, name) in [
      ([UInt8](repeating: 0, count: 1 << 20), "zeros"), (Array("Q".utf8), "one-byte"), (Array("QFI".utf8), "short"),
      (Array("KDM".utf8), "shorter"), ([UInt8](repeating: 0, count: 511) + Array("conectix".utf8), "odd"),
      (Array(" KDMV".utf8) + [UInt8](repeating: 0, count: 4096), "behind"),
    ] { #expect(try openDisk(at: workspace.write(content, to: name)).seemsToBe == nil, "\(name)") }
    // A disk that is a VMDK by name is opened as one.
    let path = try workspace.write(descriptorText("custom", ["RW 1 ZERO"]), to: "d.vmdk")
    #expect(try openDisk(at: path).seemsToBe == nil)
  }
}
