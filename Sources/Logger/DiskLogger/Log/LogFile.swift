import AccessLog
import DiskImage
import Glibc
import NBDKit
import SystemPackage

/// The log's file. When it is renamed, as logrotate does, a new file with the same name is started.
struct LogFile: LogTarget {
  /// Nil for standard output.
  private let path: FilePath?
  /// Files that must not be overwritten.
  private let inputs: [FilePath]
  private var file: FileDescriptor
  /// Nil if the file cannot be renamed, such as a device or a FIFO.
  private var identity: FileIdentity?

  /// Opens standard output if `path` is nil. Otherwise opens and empties the file, which must not be one of `inputs`.
  init(_ path: FilePath?, butNot inputs: [FilePath]) throws {
    self.path = path
    self.inputs = inputs
    guard let path else {
      // A copy, because nbdkit redirects standard output to /dev/null before it serves.
      let copy = fcntl(STDOUT_FILENO, F_DUPFD_CLOEXEC, 3)
      guard copy >= 0 else {
        throw PluginError(errno: .invalid, "standard output: \(Errno(rawValue: errno)); use logfile=FILE")
      }
      file = FileDescriptor(rawValue: copy)
      return
    }
    (file, identity) = try Self.open(path, butNot: inputs, emptied: true)
  }

  var descriptor: Int32 { file.rawValue }

  var hasMoved: Bool {
    guard let path, let identity else { return false }
    guard let named = FileIdentity(of: path) else { return errno == ENOENT }
    return named != identity
  }

  mutating func follow() throws {
    guard let path else { return }
    let old = file
    (file, identity) = try Self.open(path, butNot: inputs, emptied: false)
    try? old.close()
  }

  private static func open(
    _ path: FilePath, butNot inputs: [FilePath], emptied: Bool
  ) throws -> (FileDescriptor, FileIdentity?) {
    do {
      let file = try FileDescriptor.open(
        path, .writeOnly, options: [.create, .append, .closeOnExec],
        permissions: FilePermissions(rawValue: 0o666))
      do {
        return (file, try check(file, path, butNot: inputs, emptied: emptied))
      } catch {
        try? file.close()
        throw error
      }
    } catch let error as Errno {
      throw PluginError(errno: .invalid, "\(path): cannot write the log: \(error)")
    }
  }

  /// The file is emptied here and not when it is opened: a `logfile=` that names the disk by mistake must not destroy
  /// the disk.
  private static func check(
    _ file: FileDescriptor, _ path: FilePath, butNot inputs: [FilePath], emptied: Bool
  ) throws -> FileIdentity? {
    var status = stat()
    guard fstat(file.rawValue, &status) == 0 else { throw Errno(rawValue: errno) }
    let identity = FileIdentity(status)
    if let input = inputs.first(where: { FileIdentity(of: $0) == identity }) {
      throw PluginError(errno: .invalid, "\(path): the log would overwrite \(input)")
    }
    guard status.st_mode & S_IFMT == S_IFREG else { return nil }
    try lock(file, path)
    if emptied, ftruncate(file.rawValue, 0) != 0 { throw Errno(rawValue: errno) }
    return identity
  }

  /// Ensures, before the file is emptied, that no other logger writes it: the first log would be lost, and the lines of
  /// both would be mixed. The lock belongs to the open file, even if that is renamed, and ends with the process.
  private static func lock(_ file: FileDescriptor, _ path: FilePath) throws {
    guard flock(file.rawValue, LOCK_EX | LOCK_NB) != 0, errno == EWOULDBLOCK else { return }
    throw PluginError(
      errno: .invalid, "\(path): another logger writes this log: give each one a file of its own (logfile=)")
  }
}
