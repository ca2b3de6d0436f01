import DiskImage
import Glibc
import SystemPackage
import Testing

struct RawDiskTests {
  @Test(arguments: [UInt64(1), 511, 512, 513, 65536, 1_000_001])
  func bytesAndSize(_ size: UInt64) throws {
    let workspace = try Workspace()
    let image = try RawImage(workspace, size: size, data: [0..<size])
    let opened = try openDisk(at: image.path)
    #expect(opened.disk.size == size)
    #expect(try opened.disk.bytes(at: 0, count: Int(size)) == workspace.contents(of: image.path))
    #expect(opened.warnings.isEmpty)
  }

  @Test func readsBeyondTheEndAreErrors() throws {
    let workspace = try Workspace()
    let disk = try openDisk(at: workspace.write([1, 2, 3, 4], to: "four")).disk
    for (offset, count) in [
      (UInt64(4), 1), (0, 5), (3, 2), (5, 0), (.max, 1), (.max, 0), (UInt64(Int64.max), 4096), (1 << 63, 1),
    ] {
      let error = try failure { _ = try disk.bytes(at: offset, count: count) }
      #expect(error.errno == EINVAL)
    }
    #expect(try disk.bytes(at: 4, count: 0) == [])
    #expect(try failure { _ = try disk.extents(in: 0..<5) }.errno == EINVAL)
    #expect(try failure { _ = try disk.extents(in: UInt64.max..<UInt64.max) }.errno == EINVAL)
    #expect(try disk.extents(in: 2..<2) == [])
  }

  @Test func extentsAreTheFilesystemsAsQemuSeesThem() async throws {
    let workspace = try Workspace()
    let image = try RawImage(
      workspace, size: 64 << 20,
      data: [0..<4096, 1 << 20..<(1 << 20) + 65536, (33 << 20)..<(34 << 20), ((64 << 20) - 4096)..<(64 << 20)])
    let disk = try openDisk(at: image.path).disk
    let extents = try disk.extents()
    expectWellFormed(extents, covering: 0..<disk.size)
    let expected = try await QemuImg.map(image.path, format: "raw")
    #expect(extents.map(\.range) == expected.map { $0.start..<($0.start + $0.length) })
    #expect(extents.map { $0.state == .hole } == expected.map(\.zero))
    #expect(extents.contains { $0.state == .hole })

    let part = try disk.extents(in: 100..<(2 << 20))
    expectWellFormed(part, covering: 100..<(2 << 20))
    var first: [DiskExtent] = []
    try disk.extents(in: 0..<disk.size) { extent in
      first.append(extent)
      return false
    }
    #expect(first == [extents[0]])
  }

  @Test func whatIsNoDiskIsOneClearError() throws {
    let workspace = try Workspace()
    let empty = try workspace.write([], to: "empty")
    #expect(try refusal(empty).description == "\(empty): is empty: not a disk")
    let missing = workspace("missing")
    #expect(try refusal(missing).description == "\(missing): cannot open: No such file or directory")
    #expect(try refusal(missing).errno == ENOENT)
    #expect(try refusal(workspace.path).description == "\(workspace.path): is a directory, not a disk")
    #expect(try refusal("/dev/zero").description.contains("/dev/zero: is a character device"))
    try workspace.link("loop", to: "loop")
    #expect(try refusal(workspace("loop")).errno == ELOOP)
  }

  @Test(.timeLimit(.minutes(1)), arguments: [DiskFormat.raw, .vmdk])
  func aFIFOIsRefusedWithoutWaitingForAWriter(_ format: DiskFormat) throws {
    let workspace = try Workspace()
    try workspace.makeFIFO("fifo")
    #expect(try refusal(workspace("fifo"), format: format).description.contains("is a FIFO"))
  }

  @Test(.enabled(if: geteuid() != 0, "root may read everything"))
  func anUnreadableFile() throws {
    let workspace = try Workspace()
    let path = try workspace.write([1], to: "secret")
    chmod(path.string, 0)
    #expect(try refusal(path).description == "\(path): cannot open: Permission denied")
  }

  @Test func namesInMessagesCannotBreakTheLine() throws {
    let name: [UInt8] = Array("/nowhere/a\nb\u{1b}[31m".utf8) + [0xff, 0]
    let error = try refusal(FilePath(platformString: name.map(CChar.init(bitPattern:))))
    #expect(error.description == "/nowhere/a\\012b\\033[31m\\377: cannot open: No such file or directory")
  }

  @Test func aFileCutOffWhileOpenGivesErrorsNotZeros() throws {
    let workspace = try Workspace()
    let image = try RawImage(workspace, size: 1 << 20, data: [0..<(1 << 20)])
    let disk = try openDisk(at: image.path).disk
    try workspace.truncate(image.path, to: 1 << 19)
    #expect(try disk.bytes(at: (1 << 19) - 1, count: 1).count == 1)
    #expect(try failure { _ = try disk.bytes(at: (1 << 19) - 1, count: 2) }.errno == EIO)
    #expect(try failure { _ = try disk.extents() }.errno == EIO)
  }

  @Test func aClosedDiskFails() throws {
    let workspace = try Workspace()
    let disk = try openDisk(at: workspace.write([1, 2, 3], to: "disk")).disk
    disk.close()
    disk.close()
    #expect(try failure { _ = try disk.bytes(at: 0, count: 1) }.errno == EBADF)
  }

  @Test(.enabled(if: geteuid() == 0 && access("/dev/loop-control", R_OK | W_OK) == 0, "loop devices are root's"))
  func aBlockDevice() async throws {
    let workspace = try Workspace()
    let image = try RawImage(workspace, size: 3 << 20, data: [0..<5000, (2 << 20)..<(3 << 20)])
    let output = try await run(tool: "losetup", ["--find", "--show", "--read-only", image.path.string])
    let device = FilePath(String(output.prefix { $0 != "\n" }))
    do {
      let opened = try openDisk(at: device)
      #expect(opened.format == .raw)
      try expectSameBytes(opened.disk, openDisk(at: image.path).disk)
      expectWellFormed(try opened.disk.extents(), covering: 0..<(3 << 20))
      opened.disk.close()
      // The user may name a device, but a descriptor may not.
      try workspace.link("device", to: device.string)
      let descriptor = try workspace.write(
        descriptorText("monolithicFlat", ["RW 1 FLAT \"device\" 0"]), to: "guest.vmdk")
      #expect(try refusal(descriptor).errno == EACCES)
    } catch {
      try await run(tool: "losetup", ["--detach", device.string])
      throw error
    }
    try await run(tool: "losetup", ["--detach", device.string])
  }
}
