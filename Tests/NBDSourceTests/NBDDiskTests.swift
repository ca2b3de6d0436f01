import DiskImage
import Dispatch
import Glibc
import NBDSource
import Synchronization
import SystemPackage
import Testing

/// Disks are read correctly from NBD servers, whatever the servers require of their clients.
@Suite struct NBDDiskTests {
  private static let size = (10 << 20) + 1234

  /// A disk with data at the start, in the middle and at the end.
  private func workspace() throws -> Workspace {
    let workspace = try Workspace()
    let noise = (0..<300_000).map { UInt8(truncatingIfNeeded: $0 &* 2_654_435_761 >> 16) }
    try workspace.write(
      "disk", size: Self.size,
      [(0, Array(noise[..<100_000])), (5 << 20, noise), (Self.size - 5000, Array(noise.suffix(5000)))])
    return workspace
  }

  private func expectSame(_ disk: NBDDisk, as workspace: Workspace, size: Int = Self.size) throws {
    let file = try openDisk(at: workspace("disk"), format: .raw).disk
    try #require(disk.size == size)
    for (offset, count) in [(0, size), (1, 0), (1, 1), (511, 3), (99_999, 70_001), (size - 1, 1), (size - 600, 600)] {
      let ours = try bytes(of: disk, at: offset, count)
      let theirs = try bytes(of: file, at: offset, count)
      let isSame = equal(ours, theirs[...])
      #expect(isSame, "\(count) bytes at \(offset)")
    }
  }

  /// Compares with memcmp: in a debug build, `==` takes a hundred times as long.
  private func equal(_ one: [UInt8], _ other: ArraySlice<UInt8>) -> Bool {
    one.withUnsafeBytes { one in
      other.withUnsafeBytes { other in
        guard one.count == other.count, let start = one.baseAddress, let other = other.baseAddress else {
          return one.isEmpty && other.isEmpty
        }
        return memcmp(start, other, one.count) == 0
      }
    }
  }

  private func bytes(of disk: any VirtualDisk, at offset: Int, _ count: Int) throws -> [UInt8] {
    var bytes = [UInt8](repeating: 0xa5, count: count)
    try bytes.withUnsafeMutableBytes { try disk.read(into: $0, at: UInt64(offset)) }
    return bytes
  }

  @Test func nbdkit() async throws {
    let workspace = try workspace()
    try await Server.nbdkit(["file", "disk"], in: workspace) { server in
      let disk = try NBDDisk(at: server.address())
      try expectSame(disk, as: workspace)
      disk.close()
    }
  }

  @Test func anOldstyleServer() async throws {
    let workspace = try workspace()
    try await Server.nbdkit(["--oldstyle", "file", "disk"], in: workspace) { server in
      #expect(try NBDExport.ask(at: server.address()).size == UInt64(Self.size))
      try expectSame(try NBDDisk(at: server.address()), as: workspace)
    }
  }

  /// The server accepts only requests that are multiples of the minimum size and at most 64 KiB.
  @Test(arguments: [4096, 65536])
  func blockSizes(minimum: Int) async throws {
    let workspace = try workspace()
    let size = Self.size / minimum * minimum
    guard truncate(workspace("disk").string, size) == 0 else { throw Errno(rawValue: errno) }
    let policy = [
      "--filter=blocksize-policy", "file", "disk", "blocksize-minimum=\(minimum)", "blocksize-preferred=65536",
      "blocksize-maximum=65536", "blocksize-error-policy=error",
    ]
    try await Server.nbdkit(policy, in: workspace) { server in
      try expectSame(try NBDDisk(at: server.address()), as: workspace, size: size)
    }
  }

  /// Many threads read in parallel, over one or several connections, and each gets the data it asked for.
  @Test(arguments: [1, 2, 0])
  func parallelReads(clients: Int) async throws {
    let workspace = try workspace()
    try await Server.qemu(["--shared=\(clients)"], in: workspace) { server in
      let disk = try NBDDisk(at: server.address())
      // qemu rounds the size of a raw disk up to whole sectors.
      let size = Self.size
      let expected = try bytes(of: try openDisk(at: workspace("disk"), format: .raw).disk, at: 0, size)
      let wrong = Atomic<Int>(0)
      DispatchQueue.concurrentPerform(iterations: 400) { index in
        let offset = index * 7919 * 3 % (size - 70_000)
        let found = (try? bytes(of: disk, at: offset, 69_000)) ?? []
        if !equal(found, expected[offset..<offset + 69_000]) { wrong.add(1, ordering: .relaxed) }
      }
      #expect(wrong.load(ordering: .relaxed) == 0)
    }
  }

  @Test func extentsAreTheServers() async throws {
    let workspace = try workspace()
    try await Server.nbdkit(["file", "disk"], in: workspace) { server in
      let disk = try NBDDisk(at: server.address())
      let file = try openDisk(at: workspace("disk"), format: .raw).disk
      let ranges: [Range<UInt64>] = [0..<disk.size, 1000..<disk.size - 1, 5..<5, (5 << 20)..<(6 << 20) + 1]
      for range in ranges {
        let ours = try extents(of: disk, in: range)
        let theirs = try extents(of: file, in: range)
        #expect(ours == theirs, "\(range)")
      }
      #expect(try extents(of: disk, in: 0..<disk.size).contains { $0.state == .hole })
    }
    let silent = try self.workspace()
    try await Server.nbdkit(["--no-sr", "file", "disk"], in: silent) { server in
      let disk = try NBDDisk(at: server.address())
      #expect(try extents(of: disk, in: 7..<disk.size) == [DiskExtent(range: 7..<disk.size, state: .data)])
    }
  }

  private func extents(of disk: any VirtualDisk, in range: Range<UInt64>) throws -> [DiskExtent] {
    var found: [DiskExtent] = []
    try disk.extents(in: range) { extent in
      found.append(extent)
      return true
    }
    return found
  }

  /// qemu-nbd exits when its last client disconnects. `NBDExport.ask` must not count as one, so that the disk can
  /// still be read afterwards.
  @Test func askingIsNotBeingAClient() async throws {
    let workspace = try workspace()
    try await Server.qemu([], in: workspace) { server in
      for _ in 0..<3 { #expect(try NBDExport.ask(at: server.address()).size >= UInt64(Self.size)) }
      let disk = try NBDDisk(at: server.address())
      _ = try bytes(of: disk, at: 0, 512)
      disk.close()
      try await waitUntil { !server.isAlive }
    }
  }

  @Test func encrypted() async throws {
    let workspace = try workspace()
    try workspace.write(
      "keys", size: 71, [(0, Array("alice:\(String(repeating: "0123456789abcdef", count: 4))\n".utf8))])
    try await Server.nbdkit(["--tls=require", "--tls-psk=keys", "file", "disk"], in: workspace) { server in
      let keys = "&tls-psk-file=\(workspace("keys"))"
      try expectSame(
        try NBDDisk(at: server.address(scheme: "nbds+unix", user: "alice@", more: keys)), as: workspace)
      #expect(throws: DiskError.self) { try NBDDisk(at: server.address()) }
    }
  }
}
