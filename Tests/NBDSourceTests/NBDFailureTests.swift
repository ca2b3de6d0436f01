import DiskImage
import Glibc
import NBDSource
import Synchronization
import SystemPackage
import Testing

/// Servers that are missing, do not have the export, or go away: each gives one clear error.
@Suite struct NBDFailureTests {
  private func failure(_ body: () throws -> Void) throws -> DiskError {
    try #require(throws: DiskError.self) { try body() }
  }

  @Test func whatIsAnAddress() {
    for uri in [
      "nbd://host", "nbds://u@host:1/a/b", "nbd+unix:///?socket=s", "nbds+unix:///x?socket=s", "nbd+vsock://2/",
    ] {
      #expect(NBDAddress(uri.utf8)?.bytes == Array(uri.utf8), "\(uri)")
    }
    for name in ["", "nbd", "nbd:", "nbd:/x", "./nbd://host", "NBD", "nbd+tcp://host", "http://host", "disk.raw"] {
      #expect(NBDAddress(name.utf8) == nil, "\(name)")
    }
  }

  @Test func noServer() throws {
    let workspace = try Workspace()
    let nowhere = nbdAddress("nbd+unix:///?socket=\(workspace("none"))")
    for error in [try failure { _ = try NBDExport.ask(at: nowhere) }, try failure { _ = try NBDDisk(at: nowhere) }] {
      #expect(error.errno == ENOENT)
      #expect(
        error.description
          == "nbd+unix:///?socket=\(workspace("none")): cannot connect: connect: No such file or directory")
    }
    // No service listens on this port.
    let refused = try failure { _ = try NBDExport.ask(at: nbdAddress("nbd://127.0.0.1:1/")) }
    #expect(refused.description.hasPrefix("nbd://127.0.0.1:1/: cannot connect: "), "\(refused)")
    #expect(refused.description.contains("refused"), "\(refused)")
  }

  @Test(arguments: ["nbd+unix:///", "nbd://[::1", "nbd+unix://host/?socket=s\u{7f}"])
  func badAddress(uri: String) throws {
    let error = try failure { _ = try NBDDisk(at: nbdAddress(uri)) }
    #expect(error.description.contains(": cannot connect: ") && !error.description.contains("\u{7f}"), "\(error)")
  }

  @Test func noSuchExport() async throws {
    let workspace = try Workspace()
    try workspace.write("disk", size: 4096, [])
    try await Server.nbdkit(["file", "dir=."], in: workspace) { server in
      #expect(try NBDExport.ask(at: server.address("disk")).size == 4096)
      for body in [
        { _ = try NBDExport.ask(at: server.address("other")) }, { _ = try NBDDisk(at: server.address("other")) },
      ] {
        let error = try failure(body)
        #expect(error.description.hasPrefix("nbd+unix:///other?socket="), "\(error)")
        #expect(error.description.contains("export"), "\(error)")
      }
    }
  }

  @Test func emptyExport() async throws {
    let workspace = try Workspace()
    try await Server.nbdkit(["null", "0"], in: workspace) { server in
      let error = try failure { _ = try NBDDisk(at: server.address()) }
      #expect(error.description.hasSuffix(": is empty: not a disk"), "\(error)")
    }
  }

  /// An error that the server returns for one read does not affect later reads.
  @Test func anErrorOfTheServers() async throws {
    let workspace = try Workspace()
    try workspace.write("disk", size: 1 << 20, [(0, [1, 2, 3])])
    let failing = [
      "--filter=error", "file", "disk", "error-pread=EIO", "error-pread-rate=100%", "error-file=\(workspace("bad"))",
    ]
    try await Server.nbdkit(failing, in: workspace) { server in
      let losses = Mutex(0)
      let disk = try NBDDisk(at: server.address(), onLoss: { _ in losses.withLock { $0 += 1 } })
      var byte: [UInt8] = [0]
      try workspace.write("bad", size: 0, [])
      let error = try failure { try byte.withUnsafeMutableBytes { try disk.read(into: $0, at: 1) } }
      #expect(error.errno == EIO && error.description.contains("cannot read "), "\(error)")
      unlink(workspace("bad").string)
      try byte.withUnsafeMutableBytes { try disk.read(into: $0, at: 1) }
      #expect(byte == [2] && losses.withLock { $0 } == 0)
      #expect(try failure { try byte.withUnsafeMutableBytes { try disk.read(into: $0, at: 1 << 20) } }.errno == EINVAL)
      #expect(try failure { try byte.withUnsafeMutableBytes { try disk.read(into: $0, at: .max) } }.errno == EINVAL)
      #expect(try failure { try disk.extents(in: 0..<(1 << 20) + 1) { _ in true } }.errno == EINVAL)
      disk.close()
      #expect(try failure { try byte.withUnsafeMutableBytes { try disk.read(into: $0, at: 1) } }.errno == EBADF)
    }
  }

  @Test func aServerThatGoesAway() async throws {
    let workspace = try Workspace()
    try workspace.write("disk", size: 1 << 20, [])
    try await Server.nbdkit(["file", "disk"], in: workspace) { server in
      let losses = Mutex<[DiskError]>([])
      let disk = try NBDDisk(at: server.address(), onLoss: { error in losses.withLock { $0.append(error) } })
      var bytes = [UInt8](repeating: 1, count: 512)
      try bytes.withUnsafeMutableBytes { try disk.read(into: $0, at: 0) }
      server.kill()
      try await waitUntil { !server.isAlive }
      for _ in 0..<3 {
        _ = try failure { try bytes.withUnsafeMutableBytes { try disk.read(into: $0, at: 0) } }
      }
      #expect(losses.withLock { $0.count } == 1)
    }
  }

  /// A server that accepts connections but never answers: waiting for it can be cancelled.
  @Test func aSilentServer() throws {
    let workspace = try Workspace()
    let listener = socket(AF_UNIX, Int32(SOCK_STREAM.rawValue), 0)
    defer { close(listener) }
    var address = sockaddr_un()
    address.sun_family = sa_family_t(AF_UNIX)
    withUnsafeMutableBytes(of: &address.sun_path) { $0.copyBytes(from: workspace("s").string.utf8) }
    let bound = withUnsafePointer(to: &address) {
      $0.withMemoryRebound(to: sockaddr.self, capacity: 1) {
        bind(listener, $0, socklen_t(MemoryLayout<sockaddr_un>.size))
      }
    }
    try #require(bound == 0 && listen(listener, 5) == 0)
    let asked = Mutex(0)
    let isCancelled: @Sendable () -> Bool = {
      asked.withLock { asked in
        asked += 1
        return asked > 2
      }
    }
    let silent = nbdAddress("nbd+unix:///?socket=\(workspace("s"))")
    #expect(try failure { _ = try NBDExport.ask(at: silent, isCancelled: isCancelled) }.errno == ECANCELED)
    asked.withLock { $0 = 0 }
    #expect(try failure { _ = try NBDDisk(at: silent, isCancelled: isCancelled) }.errno == ECANCELED)
  }
}
