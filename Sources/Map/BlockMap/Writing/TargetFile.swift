import Glibc
import SystemPackage

/// Where output named by the user really goes: symbolic links are followed, and what is no regular file is
/// written as it is instead of being replaced.
enum TargetFile {
  /// A regular file, there or not yet: it is replaced by renaming.
  case regular(FilePath)
  /// A device, a FIFO or a socket, which is opened and written.
  case special(FilePath)
  /// A descriptor this process has open already, such as `/dev/stdout` names.
  case descriptor(FileDescriptor)

  private static let linksFollowed = 40

  /// Finds out what `path` is.
  static func find(_ path: FilePath) throws(MapError) -> TargetFile {
    guard !path.isEmpty else { throw .file(path, "the name of the output file is empty") }
    var place = path
    for _ in 0..<linksFollowed {
      if let descriptor = openDescriptor(place) { return .descriptor(descriptor) }
      var status = stat()
      guard place.withPlatformString({ lstat($0, &status) }) == 0 else {
        let error = Errno(rawValue: errno)
        guard error == .noSuchFileOrDirectory else { throw .system(path, error) }
        return .regular(place)
      }
      switch status.st_mode & S_IFMT {
      case S_IFREG: return .regular(place)
      case S_IFDIR: throw .file(path, "is a directory")
      case S_IFLNK: place = try follow(place, for: path)
      default: return .special(place)
      }
    }
    throw .system(path, .tooManySymbolicLinkLevels)
  }

  /// The descriptor that `/proc/self/fd/N` or `/dev/fd/N` names. It is not opened again: that would lose its
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
