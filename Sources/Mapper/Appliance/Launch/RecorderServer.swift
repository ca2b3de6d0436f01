import DiskImage
import Glibc
import NBDSource
import Subprocess
import SystemPackage
import WalkRecord

/// A running recorder: an nbdkit with the recorder plugin, on a Unix domain socket.
package struct RecorderServer: Sendable {
  /// The socket that it listens on.
  package let socket: FilePath
  /// The stream of `RecorderEvent`s.
  package let events: FileDescriptor
  /// The pipe for `RecorderControl`s.
  package let control: FileDescriptor

  /// Starts the recorder for the disks, runs `body` and stops the recorder.
  /// - Parameter number: a number that is unique among the recorders of this run.
  package static func run<T: Sendable>(
    installation: Installation, in directory: TemporaryDirectory, disks: [GuestDisk],
    number: Int, options: OpenOptions, reporter: any Reporter,
    body: @Sendable (RecorderServer) async throws -> T
  ) async throws -> T {
    let socket = directory.path.appending("nbd\(number)")
    let pidFile = directory.path.appending("nbdkit\(number).pid")
    let (events, output) = try privatePipe()
    let (input, control) = try privatePipe()
    let sources = disks.flatMap { disk -> [[UInt8]] in
      switch disk.reading {
      case .file(let path, let format):
        [Array("file=".utf8) + path.bytes, Array("format=\(format.rawValue)".utf8)]
      case .server(let address): [Array("nbd=".utf8) + address.bytes]
      }
    }
    let arguments: [[UInt8]] =
      [
        Array("--foreground".utf8), Array("--unix".utf8), socket.bytes, Array("--pidfile".utf8), pidFile.bytes,
        Array("--threads".utf8), Array("16".utf8),
        installation.recorder.bytes, Array("allow-external=\(options.allowsExternal)".utf8),
        Array("ignore-cid=\(options.ignoresCID)".utf8),
        Array("ignore-journal=\(options.ignoresJournal)".utf8),
      ] + sources
    let said = directory.path.appending("nbdkit\(number).log")
    do {
      let errors = try FileDescriptor.open(
        said, .writeOnly, options: [.create, .closeOnExec], permissions: .ownerReadWrite)
      let outcome = try await Subprocess.run(
        // The library passes bytes on as they are, but C needs a NUL at the end.
        .name("nbdkit"), arguments: Arguments(arguments.map { $0 + [0] }),
        input: .fileDescriptor(input, closeAfterSpawningProcess: true),
        output: .fileDescriptor(output, closeAfterSpawningProcess: true),
        error: .fileDescriptor(errors, closeAfterSpawningProcess: true)
      ) { execution -> Result<T, any Error> in
        let result: Result<T, any Error>
        do {
          let server = RecorderServer(socket: socket, events: events, control: control)
          guard try await serverIsReady(pidFile, life: events) else {
            throw MapperError.recorder("nbdkit did not start")
          }
          result = .success(try await body(server))
        } catch {
          result = .failure(error)
        }
        try? execution.send(signal: .terminate)
        return result
      }
      let lines = firstLines(of: said)
      for line in lines { reporter.detail(line) }
      return try outcome.closureResult.get { error in
        reason(error, lines)
      }
    } catch let error as SubprocessError where error.code == .executableNotFound {
      throw MapperError.missing("nbdkit: this program is not installed")
    }
  }

  /// Returns the address at which this process can read the export of a disk.
  /// - Parameter socket: the recorder's socket.
  package static func address(ofDisk number: Int, at socket: FilePath) throws(MapperError) -> NBDAddress {
    try address(of: RecorderExport.disk(number), at: socket)
  }

  /// Returns the address at which this process can read one of the recorder's exports.
  static func address(of export: String, at socket: FilePath) throws(MapperError) -> NBDAddress {
    // Most bytes must be percent-encoded in a URI.
    var path = ""
    for byte in socket.bytes {
      switch byte {
      case 0x30...0x39, 0x41...0x5a, 0x61...0x7a, 0x2f, 0x2e, 0x2d, 0x5f: path.unicodeScalars.append(.init(byte))
      default: path += "%" + (byte < 16 ? "0" : "") + String(byte, radix: 16)
      }
    }
    guard let address = NBDAddress("nbd+unix:///\(export)?socket=\(path)".utf8) else {
      throw .recorder("\(path): this path cannot be used for a socket")
    }
    return address
  }

  /// Replaces an error with the message from nbdkit's log that explains why it did not start, or why qemu could not
  /// open a disk.
  private static func reason(_ error: any Error, _ lines: [String]) -> any Error {
    let line: String? =
      switch error {
      case MapperError.recorder: lines.last
      // qemu names the export that it could not open. Any other failure of the launch has another reason.
      case MapperError.launch(let failure) where failure.contains("nbd:unix:"):
        lines.first { $0.contains("error: ") }
      default: nil
      }
    guard let line else { return error }
    let hints = ProcessLimits.hints()
    return MapperError.recorder(withoutNBDKit(line) + (hints.isEmpty ? "" : " (\(hints.joined(separator: "; ")))"))
  }

  /// Removes `nbdkit: bmaprecorder.1: error: `, which means nothing to users who do not know that nbdkit is
  /// involved.
  private static func withoutNBDKit(_ line: String) -> String {
    line.split(separator: "error: ", maxSplits: 1).last.map(String.init) ?? line
  }
}

extension Result where Failure == any Error {
  fileprivate func get(_ explain: (any Error) -> any Error) throws -> Success {
    try mapError(explain).get()
  }
}
