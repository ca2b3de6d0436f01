import DiskImage
import Glibc
import SystemPackage
import Testing

/// A descriptor must not open files that the user did not name.
struct VMDKConfinementTests {
  private func open(_ workspace: Workspace, extent: String, sparse: Bool = false) throws -> OpenedDisk {
    let line = sparse ? "RW 1 SPARSE \"\(extent)\"" : "RW 1 FLAT \"\(extent)\" 0"
    return try openDisk(at: workspace.write(descriptorText("monolithicFlat", [line]), to: "disk.vmdk"))
  }

  @Test(
    arguments: [
      "/etc/passwd", "//etc/passwd", "../outside.bin", "..", ".", "./inside.bin", "sub/inside.bin",
      "sub/../inside.bin", "../../../../../../etc/passwd", "/dev/zero", "/proc/self/mem",
    ], [false, true])
  func namesWithPathsAreRefused(_ name: String, _ sparse: Bool) throws {
    let workspace = try Workspace()
    try workspace.makeDirectory("sub")
    try workspace.write([UInt8](repeating: 1, count: 512), to: "inside.bin")
    try workspace.write([UInt8](repeating: 1, count: 512), to: "sub/inside.bin")
    let error = try failure { _ = try open(workspace, extent: name, sparse: sparse) }
    #expect(error.errno == EACCES)
    #expect(
      error.description == "\(workspace("disk.vmdk")): the extent of line 8, \"\(name)\", is refused: "
        + "it is not in the descriptor's own directory (allow-external allows it)")
  }

  @Test func linksThatLeadOutAreRefused() throws {
    let workspace = try Workspace()
    try workspace.makeDirectory("sub")
    try workspace.makeDirectory("outside")
    try workspace.write([UInt8](repeating: 1, count: 512), to: "outside/secret.bin")
    try workspace.write(descriptorText("monolithicFlat", ["RW 1 FLAT \"link\" 0"]), to: "sub/disk.vmdk")
    for target in [
      "/etc/passwd", "../outside/secret.bin", workspace("outside").appending("secret.bin").string, "/dev/zero",
      "/proc/self/fd/0", "../disk.vmdk",
    ] {
      try workspace.write([0], to: "disk.vmdk")
      try workspace.link("sub/link", to: target)
      let error = try refusal(workspace("sub").appending("disk.vmdk"))
      #expect(error.errno == EACCES, "\(target): \(error)")
      unlink(workspace("sub").appending("link").string)
    }
    // In a chain of links, the last target decides.
    try workspace.link("sub/hop", to: "../outside/secret.bin")
    try workspace.link("sub/link", to: "hop")
    #expect(try refusal(workspace("sub").appending("disk.vmdk")).errno == EACCES)
  }

  @Test func aLinkWithinTheDirectoryIsFollowed() throws {
    let workspace = try Workspace()
    try workspace.write([UInt8](repeating: 7, count: 512), to: "real.bin")
    try workspace.link("link", to: "real.bin")
    #expect(try open(workspace, extent: "link").disk.bytes(at: 0, count: 1) == [7])
    unlink(workspace("link").string)
    try workspace.link("link", to: workspace("real.bin").string)
    #expect(try open(workspace, extent: "link").disk.bytes(at: 0, count: 1) == [7])
  }

  @Test(.timeLimit(.minutes(1)))
  func whatIsNoRegularFileIsRefused() throws {
    let workspace = try Workspace()
    try workspace.makeFIFO("fifo")
    try workspace.makeDirectory("sub")
    #expect(try failure { _ = try open(workspace, extent: "fifo") }.message.contains("is a FIFO"))
    #expect(try failure { _ = try open(workspace, extent: "sub") }.message.contains("is a directory"))
    try workspace.write([], to: "empty")
    #expect(try failure { _ = try open(workspace, extent: "empty") }.message.contains("is empty"))
  }

  @Test(.enabled(if: geteuid() == 0, "only root makes device nodes"))
  func aDeviceNodeInTheDirectoryIsRefused() throws {
    let workspace = try Workspace()
    guard mknod(workspace("node").string, S_IFCHR | 0o600, 0x0105) == 0 else { throw Errno(rawValue: errno) }
    #expect(try failure { _ = try open(workspace, extent: "node") }.message.contains("is a character device"))
  }

  @Test func onlyWhatIsReadStaysOpen() throws {
    let workspace = try Workspace()
    try workspace.write([UInt8](repeating: 7, count: 512), to: "real.bin")
    let path = try workspace.write(
      descriptorText("monolithicFlat", ["RW 1 FLAT \"real.bin\" 0", "RW 1 FLAT \"missing\" 0"]), to: "disk.vmdk")
    _ = try refusal(path)
    _ = try refusal(workspace.path)
    #expect(try workspace.openFiles() == [])
    let disk = try open(workspace, extent: "real.bin").disk
    #expect(try workspace.openFiles() == [workspace("real.bin")])
    disk.close()
    #expect(try workspace.openFiles() == [])
  }
}
