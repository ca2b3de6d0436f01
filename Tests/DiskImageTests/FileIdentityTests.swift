import Glibc
import SystemPackage
import Testing

@testable import DiskImage

@Suite struct FileIdentityTests {
  @Test func ofAFilesNames() throws {
    let workspace = try Workspace()
    for name in ["one", "other"] { _ = try workspace.write([1], to: name) }
    let one = workspace("one")
    try workspace.link("symbolic", to: "one")
    try #require(link(one.string, workspace("hard").string) == 0)
    let identity = try #require(FileIdentity(of: one))
    for name in ["symbolic", "hard"] {
      #expect(FileIdentity(of: workspace(name)) == identity)
      #expect(isSameFile(workspace(name), one))
    }
    #expect(FileIdentity(of: workspace("other")) != identity)
    #expect(FileIdentity(of: workspace("missing")) == nil)
    #expect(!isSameFile(workspace("missing"), workspace("missing")))
  }

  /// A block device has as many inodes as device nodes.
  @Test func ofABlockDevice() {
    var one = stat()
    one.st_mode = S_IFBLK
    (one.st_dev, one.st_ino, one.st_rdev) = (1, 2, 3)
    var other = one
    other.st_ino = 4
    #expect(FileIdentity(one) == FileIdentity(other))
    other.st_rdev = 5
    #expect(FileIdentity(one) != FileIdentity(other))
    one.st_mode = S_IFREG
    #expect(FileIdentity(one) == .file(device: 1, inode: 2))
  }
}
