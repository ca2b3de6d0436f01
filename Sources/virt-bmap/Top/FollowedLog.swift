import Appliance
import Glibc
import LiveView
import LogReading
import Synchronization
import SystemPackage

/// A log that is read by a thread of its own: a file with what is added to it, or a FIFO to its end.
final class FollowedLog: Sendable {
  /// The name for messages.
  let shownName: String
  private let file: FileDescriptor
  private let isFile: Bool
  private let result = Mutex<Result<Int?, any Error>?>(nil)

  private static let blockBytes = 1 << 20
  /// In microseconds: how often a file is looked at for what was added.
  private static let pause: UInt32 = 50_000

  /// Opens the log. If it is a FIFO, waits for its writer.
  /// - Parameter name: as the user gave it; `-` is standard input.
  /// - Throws: `InputError`.
  init(_ name: String) throws {
    shownName = name == "-" ? "standard input" : name
    do {
      file = name == "-" ? .standardInput : try FileDescriptor.open(filePath(name), .readOnly, options: [.closeOnExec])
    } catch {
      throw InputError(shownName, "\(error)")
    }
    var status = stat()
    isFile = fstat(file.rawValue, &status) == 0 && status.st_mode & S_IFMT == S_IFREG
  }

  /// Starts reading.
  /// - Parameter atEnd: called when there is no more, or when the log cannot be read.
  func start(into log: LiveLog, atEnd: @escaping @Sendable () -> Void) throws {
    try startThread { [self] in
      let end = Result { try read(into: log) }
      result.withLock { $0 = end }
      atEnd()
    }
  }

  /// The number of a last line that was cut off, after the end; nil if there is none.
  /// - Throws: `InputError` if the log could not be read.
  func cutLine() throws -> Int? {
    do {
      return try result.withLock { $0 }?.get()
    } catch let error as Errno {
      throw InputError(shownName, "cannot be read: \(error)")
    } catch let error as LogError {
      throw InputError(shownName, error.description)
    }
  }

  private func read(into log: LiveLog) throws -> Int? {
    let block = UnsafeMutableRawBufferPointer.allocate(byteCount: Self.blockBytes, alignment: 16)
    defer { block.deallocate() }
    while true {
      let count = try file.read(into: block)
      if count > 0 {
        try log.feed(UnsafeRawBufferPointer(rebasing: block[..<count]))
      } else if isFile {
        usleep(Self.pause)
        try beginAnewIfEmptied(log)
      } else {
        return try log.finish()
      }
    }
  }

  /// The logger empties a file when it starts another log in it.
  private func beginAnewIfEmptied(_ log: LiveLog) throws {
    var status = stat()
    guard fstat(file.rawValue, &status) == 0, try file.seek(offset: 0, from: .current) > status.st_size else { return }
    try file.seek(offset: 0, from: .start)
    log.reset()
  }
}
