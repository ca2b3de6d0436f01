import Glibc
import NBDKit
import SystemPackage

/// Opens where the log goes.
enum LogFile {
  /// Standard output if `path` is nil, else the file, emptied, which must be none of `inputs`.
  static func open(_ path: FilePath?, butNot inputs: [FilePath]) throws -> FileDescriptor {
    guard let path else {
      // A copy, since nbdkit points standard output at /dev/null before it serves.
      let copy = fcntl(STDOUT_FILENO, F_DUPFD_CLOEXEC, 3)
      guard copy >= 0 else {
        throw PluginError(errno: .invalid, "standard output: \(Errno(rawValue: errno)); use logfile=FILE")
      }
      return FileDescriptor(rawValue: copy)
    }
    do {
      let file = try FileDescriptor.open(
        path, .writeOnly, options: [.create, .append, .closeOnExec],
        permissions: FilePermissions(rawValue: 0o666))
      do {
        try empty(file, path, butNot: inputs)
        return file
      } catch {
        try? file.close()
        throw error
      }
    } catch let error as Errno {
      throw PluginError(errno: .invalid, "\(path): cannot write the log: \(error)")
    }
  }

  /// Not by opening it so: `logfile=` naming the disk by mistake must not cost the disk.
  private static func empty(_ file: FileDescriptor, _ path: FilePath, butNot inputs: [FilePath]) throws {
    var status = stat()
    guard fstat(file.rawValue, &status) == 0 else { throw Errno(rawValue: errno) }
    for input in inputs {
      var other = stat()
      guard input.withPlatformString({ stat($0, &other) }) == 0 else { continue }
      if other.st_dev == status.st_dev, other.st_ino == status.st_ino {
        throw PluginError(errno: .invalid, "\(path): the log would overwrite \(input)")
      }
    }
    if status.st_mode & S_IFMT == S_IFREG, ftruncate(file.rawValue, 0) != 0 { throw Errno(rawValue: errno) }
  }
}
