import FoundationEssentials
import Glibc
import NBDSource
import Subprocess
import SystemPackage
import Testing

/// A temporary directory for a test, removed with its contents when the test ends.
final class Workspace: Sendable {
  let path: FilePath

  init() throws {
    var template = Array("/var/tmp/nbd-XXXXXX".utf8CString)
    guard mkdtemp(&template) != nil else { throw Errno(rawValue: errno) }
    path = FilePath(platformString: template)
  }

  deinit { try? FileManager.default.removeItem(atPath: path.string) }

  func callAsFunction(_ name: String) -> FilePath { path.appending(name) }

  /// Writes a sparse file that has data only in these parts.
  func write(_ name: String, size: Int, _ parts: [(at: Int, bytes: [UInt8])]) throws {
    let file = try FileDescriptor.open(
      self(name), .writeOnly, options: [.create, .truncate], permissions: [.ownerReadWrite])
    try file.closeAfter {
      for part in parts { _ = try file.writeAll(toAbsoluteOffset: Int64(part.at), part.bytes) }
    }
    guard truncate(self(name).string, off_t(size)) == 0 else { throw Errno(rawValue: errno) }
  }
}

/// A server process that runs during a test.
struct Server: Sendable {
  let id: pid_t
  let socket: FilePath

  /// - Parameters:
  ///   - export: the part of the URI between `nbd+unix:///` and the question mark.
  ///   - scheme: the URI scheme, including `+unix`.
  func address(_ export: String = "", scheme: String = "nbd+unix", user: String = "", more: String = "") -> NBDAddress {
    nbdAddress("\(scheme)://\(user)/\(export)?socket=\(socket)\(more)")
  }

  /// Whether the process is running and not a zombie.
  var isAlive: Bool {
    var information = siginfo_t()
    return waitid(P_PID, id_t(id), &information, WEXITED | WNOHANG | WNOWAIT) == 0 && information.si_signo == 0
  }

  func kill() { Glibc.kill(id, SIGKILL) }

  /// Starts a server on the socket `s` in the workspace, waits until it is ready, runs `body`, and kills the server.
  static func run(
    _ program: String, _ arguments: [String], in workspace: Workspace,
    body: @escaping @Sendable (Server) async throws -> Void
  ) async throws {
    let socket = workspace("s")
    // An earlier server may have left its PID file.
    unlink(workspace("pid").string)
    let result = try await Subprocess.run(
      .name(program), arguments: Arguments(arguments), workingDirectory: workspace.path, input: .none,
      output: .discarded, error: .fileDescriptor(.standardError, closeAfterSpawningProcess: false)
    ) { execution -> Result<Void, any Error> in
      let server = Server(id: execution.processIdentifier.value, socket: socket)
      let outcome: Result<Void, any Error>
      do {
        // The server writes its PID file when it is ready; its socket appears a moment earlier.
        try await waitUntil { access(workspace("pid").string, F_OK) == 0 }
        outcome = .success(try await body(server))
      } catch {
        outcome = .failure(error)
      }
      server.kill()
      return outcome
    }
    try result.closureResult.get()
  }

  /// Runs nbdkit with these arguments, which name the plugin and what it serves.
  static func nbdkit(
    _ arguments: [String], in workspace: Workspace, body: @escaping @Sendable (Server) async throws -> Void
  ) async throws {
    try await run(
      "nbdkit", ["--foreground", "--unix", workspace("s").string, "--pidfile", workspace("pid").string] + arguments,
      in: workspace, body: body)
  }

  /// Runs qemu-nbd, which serves the raw file `disk`.
  static func qemu(
    _ arguments: [String], in workspace: Workspace, body: @escaping @Sendable (Server) async throws -> Void
  ) async throws {
    try await run(
      "qemu-nbd",
      ["--read-only", "--format=raw", "--socket=\(workspace("s"))", "--pid-file=\(workspace("pid"))"] + arguments
        + ["disk"], in: workspace,
      body: body)
  }
}

func nbdAddress(_ uri: String) -> NBDAddress {
  guard let address = NBDAddress(uri.utf8) else { preconditionFailure("\(uri) is no NBD URI") }
  return address
}

struct Timeout: Error {}

/// Waits until a condition is true, but not longer than 30 seconds.
func waitUntil(_ isTrue: () -> Bool) async throws {
  let deadline = ContinuousClock.now + .seconds(30)
  while !isTrue() {
    guard ContinuousClock.now < deadline else { throw Timeout() }
    try await Task.sleep(for: .milliseconds(10))
  }
}
