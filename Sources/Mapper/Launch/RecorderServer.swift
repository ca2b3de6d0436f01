import DiskImage
import Glibc
import Subprocess
import SystemPackage

/// The recorder while it serves: an nbdkit with the recorder plugin, on a Unix domain socket.
struct RecorderServer: Sendable {
  /// Where it listens.
  let socket: FilePath
  /// The stream of `RecorderEvent`s.
  let events: FileDescriptor

  /// Starts the recorder for the disks, runs `body` and stops it again.
  static func run<T: Sendable>(
    installation: Installation, in directory: TemporaryDirectory, disks: [GuestDisk],
    options: OpenOptions, reporter: any Reporter,
    body: @Sendable (RecorderServer) async throws -> T
  ) async throws -> T {
    let socket = directory.path.appending("nbd")
    let (events, output) = try pipe()
    let files = disks.flatMap { [Array("file=".utf8) + $0.path.bytes, Array("format=\($0.format.rawValue)".utf8)] }
    let arguments: [[UInt8]] =
      [
        Array("--foreground".utf8), Array("--unix".utf8), socket.bytes, Array("--threads".utf8), Array("16".utf8),
        installation.recorder.bytes, Array("allow-external=\(options.allowsExternal)".utf8),
        Array("ignore-cid=\(options.ignoresCID)".utf8),
        Array("ignore-journal=\(options.ignoresJournal)".utf8),
      ] + files
    let said = directory.path.appending("nbdkit.log")
    do {
      let errors = try FileDescriptor.open(
        said, .writeOnly, options: [.create, .closeOnExec], permissions: .ownerReadWrite)
      let outcome = try await Subprocess.run(
        // The library hands bytes on as they are: C wants the NUL.
        .name("nbdkit"), arguments: Arguments(arguments.map { $0 + [0] }), input: .none,
        output: .fileDescriptor(output, closeAfterSpawningProcess: true),
        error: .fileDescriptor(errors, closeAfterSpawningProcess: true)
      ) { execution -> Result<T, any Error> in
        let result: Result<T, any Error>
        do {
          let server = RecorderServer(socket: socket, events: events)
          try await server.waitUntilItListens()
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
        // Why nbdkit did not start is better than that it did not.
        guard case MapperError.recorder = error, let reason = lines.last else { return error }
        return MapperError.recorder(reason)
      }
    } catch let error as SubprocessError where error.code == .executableNotFound {
      throw MapperError.missing("nbdkit: this program is not installed")
    }
  }

  /// What nbdkit said, as far as anybody will read it: a disk full of errors makes it say the same for hours.
  private static func firstLines(of file: FilePath) -> [String] {
    guard let descriptor = try? FileDescriptor.open(file, .readOnly) else { return [] }
    defer { try? descriptor.close() }
    var text = [UInt8](repeating: 0, count: 1 << 16)
    let count = text.withUnsafeMutableBytes { (try? descriptor.read(into: $0)) ?? 0 }
    return String(decoding: text[..<count], as: UTF8.self).split(separator: "\n").map(String.init)
  }

  /// A pipe of which no other program inherits an end: the recorder's is the only one to write to.
  private static func pipe() throws(MapperError) -> (reading: FileDescriptor, writing: FileDescriptor) {
    do {
      let (reading, writing) = try FileDescriptor.pipe()
      for end in [reading, writing] { _ = fcntl(end.rawValue, F_SETFD, FD_CLOEXEC) }
      return (reading, writing)
    } catch {
      throw .recorder("no pipe: \(error)")
    }
  }

  private func waitUntilItListens() async throws {
    for _ in 0..<1000 {
      if socket.withPlatformString({ access($0, F_OK) }) == 0 { return }
      var state = pollfd(fd: events.rawValue, events: 0, revents: 0)
      if poll(&state, 1, 0) > 0 { break }
      try await Task.sleep(for: .milliseconds(10))
    }
    throw MapperError.recorder("nbdkit did not start")
  }
}

extension Result where Failure == any Error {
  fileprivate func get(_ explain: (any Error) -> any Error) throws -> Success {
    try mapError(explain).get()
  }
}
