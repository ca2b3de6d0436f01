import BlockMap
import DiskImage
import Glibc
import NBDSource
import Subprocess
import Synchronization
import SystemPackage

/// A qemu-nbd that serves an image as a raw disk, for formats that are not read natively.
///
/// qemu-nbd must not outlive this process, even if this process is killed. So it runs without `--persistent` and
/// exits with its last client. This process stays connected as one client for as long as it needs the disk; the
/// recorder makes the other connections. If this process is killed, the recorder exits, and then so does qemu-nbd.
///
/// qemu-nbd also holds the write end of a pipe that nothing is written to. The pipe closes when qemu-nbd exits.
package enum CaptiveServer {
  /// Starts the servers that the disks need, in order, runs `body` with all disks and then stops the servers.
  /// - Parameter directory: the directory for sockets, logs and PID files.
  package static func run<T: Sendable>(
    for disks: [ExaminedDisk], in directory: TemporaryDirectory, reporter: any Reporter,
    isCancelled: @escaping @Sendable () -> Bool, body: @escaping @Sendable ([GuestDisk]) async throws -> T
  ) async throws -> T {
    try await serve(disks[...], []) { image, number, body in
      try await run(
        image, at: directory.path.appending("image\(number)"), reporter: reporter, isCancelled: isCancelled, body: body)
    } body: { disks in
      try await body(disks)
    }
  }

  private static func serve<T: Sendable>(
    _ rest: ArraySlice<ExaminedDisk>, _ done: [GuestDisk],
    start: @escaping @Sendable (ForeignImage, Int, @escaping @Sendable (GuestDisk) async throws -> T) async throws -> T,
    body: @escaping @Sendable ([GuestDisk]) async throws -> T
  ) async throws -> T {
    switch rest.first {
    case nil: try await body(done)
    case .ready(let disk, _): try await serve(rest.dropFirst(), done + [disk], start: start, body: body)
    case .foreign(let image):
      try await start(image, done.count + 1) { disk in
        try await serve(rest.dropFirst(), done + [disk], start: start, body: body)
      }
    }
  }

  /// Runs the server of one image. For an encrypted image, tries its keys in turn until one fits.
  private static func run<T: Sendable>(
    _ image: ForeignImage, at socket: FilePath, reporter: any Reporter, isCancelled: @escaping @Sendable () -> Bool,
    body: @escaping @Sendable (GuestDisk) async throws -> T
  ) async throws -> T {
    guard var keys = image.keys?[...], let last = keys.popLast() else {
      return try await run(image, keyFile: nil, at: socket, reporter: reporter, isCancelled: isCancelled, body: body)
    }
    for key in keys {
      do {
        return try await run(image, key: key, at: socket, reporter: reporter, isCancelled: isCancelled, body: body)
      } catch is NotOpened {
        continue
      }
    }
    do {
      return try await run(image, key: last, at: socket, reporter: reporter, isCancelled: isCancelled, body: body)
    } catch let error as NotOpened {
      throw MapperError.source(image.source.name, "none of the keys opens this encrypted image: \(error.reason)")
    }
  }

  /// Runs the server of one image with a key. The key is stored in a file that only this user can read, until
  /// qemu-nbd has read it.
  private static func run<T: Sendable>(
    _ image: ForeignImage, key: [UInt8], at socket: FilePath, reporter: any Reporter,
    isCancelled: @escaping @Sendable () -> Bool, body: @escaping @Sendable (GuestDisk) async throws -> T
  ) async throws -> T {
    let path = FilePath(bytes: socket.bytes + Array(".key".utf8))
    let remove = { @Sendable in _ = path.withPlatformString { unlink($0) } }
    defer { remove() }
    let file = try FileDescriptor.open(
      path, .writeOnly, options: [.create, .exclusiveCreate, .closeOnExec], permissions: .ownerReadWrite)
    try file.closeAfter { _ = try file.writeAll(key) }
    let opening = Opening()
    do {
      return try await run(image, keyFile: path, at: socket, reporter: reporter, isCancelled: isCancelled) { disk in
        opening.hasSucceeded.store(true, ordering: .relaxed)
        remove()
        return try await body(disk)
      }
    } catch MapperError.source(_, let reason) where !opening.hasSucceeded.load(ordering: .relaxed) {
      throw NotOpened(reason: reason)
    }
  }

  /// Records whether qemu-nbd has opened its image.
  private final class Opening: Sendable {
    let hasSucceeded = Atomic(false)
  }

  /// qemu-nbd did not open an image.
  private struct NotOpened: Error {
    let reason: String
  }

  private static func run<T: Sendable>(
    _ image: ForeignImage, keyFile: FilePath?, at socket: FilePath, reporter: any Reporter,
    isCancelled: @escaping @Sendable () -> Bool, body: @Sendable (GuestDisk) async throws -> T
  ) async throws -> T {
    let arguments = try image.arguments(keyFile: keyFile)
    guard let address = NBDAddress("nbd+unix:///?socket=\(socket.string)".utf8) else {
      throw MapperError.source(image.source.name, "\(socket): this path cannot be used for a socket")
    }
    let said = FilePath(bytes: socket.bytes + Array(".log".utf8))
    let pidFile = FilePath(bytes: socket.bytes + Array(".pid".utf8))
    let options = ["--read-only", "--shared=0", "--socket=\(socket.string)", "--pid-file=\(pidFile.string)"]
      .map { Array($0.utf8) }
    // Nothing is ever written to this pipe. It closes when qemu-nbd exits.
    let (life, output) = try privatePipe()
    defer { try? life.close() }
    var platform = PlatformOptions()
    // Ctrl-C shuts a guest down that is booted from this disk, which is needed until then.
    platform.processGroupID = 0
    do {
      let errors = try FileDescriptor.open(
        said, .writeOnly, options: [.create, .truncate, .closeOnExec], permissions: .ownerReadWrite)
      let outcome = try await Subprocess.run(
        .name("qemu-nbd"), arguments: Arguments((options + arguments).map { $0 + [0] }), platformOptions: platform,
        input: .fileDescriptor(image.file, closeAfterSpawningProcess: false),
        output: .fileDescriptor(output, closeAfterSpawningProcess: true),
        error: .fileDescriptor(errors, closeAfterSpawningProcess: true)
      ) { execution -> Result<T, any Error> in
        let result: Result<T, any Error>
        do {
          guard try await serverIsReady(pidFile, life: life) else {
            throw MapperError.missing("qemu-nbd did not start")
          }
          let client = try await onOwnThread { try NBDDisk(at: address, isCancelled: isCancelled) }
          defer { client.close() }
          let disk = GuestDisk(
            image.source, readFrom: .server(address), format: image.format, size: client.size,
            declaredSectorSize: image.sectorSize)
          result = .success(try await body(disk))
        } catch {
          result = .failure(hasEnded(life) ? Ended(underlying: error) : error)
        }
        try? execution.send(signal: .terminate)
        return result
      }
      let lines = firstLines(of: said)
      for line in lines { reporter.detail(line) }
      // A key that did not fit leaves these files, and the next attempt uses the same names.
      for file in [socket, pidFile] { _ = file.withPlatformString { unlink($0) } }
      switch outcome.closureResult {
      case .success(let value): return value
      case .failure(is Ended): throw MapperError.source(image.source.name, reason(lines, source: arguments.last, image))
      case .failure(let error): throw error
      }
    } catch let error as SubprocessError where error.code == .executableNotFound {
      throw MapperError.missing("qemu-nbd: this program is not installed, and \(image.format.rawValue) needs it")
    }
  }

  /// qemu-nbd exited before it was stopped.
  private struct Ended: Error {
    let underlying: any Error
  }

  /// Returns the last line of qemu-nbd's output, without its prefix and the image argument.
  private static func reason(_ lines: [String], source: [UInt8]?, _ image: ForeignImage) -> String {
    if lines.contains(where: { $0.contains("contains a log that needs to be replayed") }) {
      return "it has a log that was not replayed, and nothing is written to it here: run qemu-img check -r all "
        + "\(Escaping.text(image.source.name, as: .path)) first, or on a copy"
    }
    guard let last = lines.last else { return "qemu-nbd ended early" }
    let source = String(decoding: source ?? [], as: UTF8.self)
    for start in ["qemu-nbd: Failed to blk_new_open '\(source)': ", "qemu-nbd: "] where last.hasPrefix(start) {
      return "qemu-nbd: \(last.dropFirst(start.count))"
    }
    return "qemu-nbd: \(last)"
  }
}
