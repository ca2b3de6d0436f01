import Glibc
import SystemPackage

/// The real destination of an output that the user named. Symbolic links are followed, and anything but a regular file
/// is written in place instead of being replaced.
enum TargetFile {
  /// A regular file, which need not exist yet. It is replaced by renaming.
  case regular(FilePath)
  /// A device, FIFO or socket, which is opened and written.
  case special(FilePath)
  /// A descriptor that this process already has open, for example through `/dev/stdout`.
  case descriptor(FileDescriptor)

  private static let linksFollowed = 40

  /// Finds out what `path` is.
  static func find(_ path: FilePath) throws(MapError) -> TargetFile {
    guard !path.isEmpty else { throw .file(path, "the name of the output file is empty") }
    var target = path
    for _ in 0..<linksFollowed {
      if let descriptor = openDescriptor(target) { return .descriptor(descriptor) }
      var status = stat()
      guard target.withPlatformString({ lstat($0, &status) }) == 0 else {
        let error = Errno(rawValue: errno)
        guard error == .noSuchFileOrDirectory else { throw .system(path, error) }
        return .regular(target)
      }
      switch status.st_mode & S_IFMT {
      case S_IFREG: return .regular(target)
      case S_IFDIR: throw .file(path, "is a directory")
      case S_IFLNK: target = try follow(target, for: path)
      default: return .special(target)
      }
    }
    throw .system(path, .tooManySymbolicLinkLevels)
  }

  /// The descriptor that `/proc/self/fd/N` or `/dev/fd/N` names. It is not opened again, because this would lose its
  /// position, and fails for a socket.
  private static func openDescriptor(_ path: FilePath) -> FileDescriptor? {
    let directory = path.removingLastComponent()
    guard directory == "/proc/self/fd" || directory == "/dev/fd", let name = path.lastComponent,
      let number = CInt(name.string), fcntl(number, F_GETFD) >= 0
    else { return nil }
    return FileDescriptor(rawValue: number)
  }

  private static func follow(_ link: FilePath, for path: FilePath) throws(MapError) -> FilePath {
    var target = [CChar](repeating: 0, count: Int(PATH_MAX) + 1)
    let length = link.withPlatformString { readlink($0, &target, target.count - 1) }
    guard length >= 0 else { throw .system(path, Errno(rawValue: errno)) }
    target[length] = 0
    let destination = target.withUnsafeBufferPointer { buffer in
      buffer.baseAddress.map { FilePath(platformString: $0) } ?? FilePath()
    }
    return destination.isAbsolute
      ? destination : link.removingLastComponent().appending(destination.components)
  }
}
