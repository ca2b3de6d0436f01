import Appliance
import Glibc
import SystemPackage

/// A running nbdkit that serves the guest's disks and logs what the guest does with them.
struct DiskServer {
  let socket: FilePath
  /// The log, as JSON.
  var log: OutputPipe
  private var process: ChildProcess
  private let pidFile: FilePath
  private let messages: FilePath

  /// How long nbdkit may take to write the rest of a log whose reader is waiting for it.
  private static let longestEnd = Duration.seconds(60)

  /// - Parameter input: its standard input.
  init(_ disks: LoggedDisks, _ files: LoggerFiles, in directory: FilePath, input: FileDescriptor) throws {
    socket = directory.appending("disks")
    pidFile = directory.appending("nbdkit.pid")
    messages = directory.appending("nbdkit.log")
    let arguments = try disks.arguments(files, at: socket, pidFile: pidFile)
    let errors = try FileDescriptor.open(
      messages, .writeOnly, options: [.create, .append, .closeOnExec], permissions: .ownerReadWrite)
    defer { try? errors.close() }
    let (log, output) = try OutputPipe.make()
    self.log = log
    defer { try? output.close() }
    do {
      // On SIGTERM, nbdkit closes overlays in order.
      process = try ChildProcess(
        Array("nbdkit".utf8), arguments, descriptors: [input, output, errors], deathSignal: SIGTERM)
    } catch {
      self.log.close()
      throw GuestBootError.missing("nbdkit: cannot run this program: \(error)")
    }
  }

  /// Waits until clients can connect.
  /// - Returns: false if `StopRequests` asks for the end.
  /// - Throws: `GuestBootError` if nbdkit has ended.
  mutating func waitUntilReady() throws -> Bool {
    // The socket appears earlier than this file, before nbdkit accepts connections.
    while pidFile.withPlatformString({ access($0, F_OK) }) != 0 {
      guard !hasEnded else { throw failure() }
      guard StopRequests.count == 0 else { return false }
      usleep(10_000)
    }
    return true
  }

  var hasEnded: Bool { mutating get { process.hasEnded() } }

  /// Why nbdkit has ended: its last error.
  func failure() -> GuestBootError {
    let lines = firstLines(of: messages)
    let line = lines.last { $0.contains("error: ") } ?? lines.last ?? "it ended early"
    // Its prefix has the name of a plugin that users need not know.
    return .ended("nbdkit", line.split(separator: "error: ", maxSplits: 1).last.map(String.init) ?? line)
  }

  /// Asks nbdkit to end. It writes the rest of the log first.
  func terminate() { process.send(SIGTERM) }

  mutating func close() {
    process.send(SIGTERM)
    log.close()
    process.wait(atMost: Self.longestEnd)
  }
}
