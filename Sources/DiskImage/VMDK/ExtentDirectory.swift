import Glibc
import SystemPackage

/// `O_PATH` of Linux, see open(2), which the Glibc module leaves out.
private let onlyPath: CInt = 0o10000000

/// The directory of a descriptor, from which alone its extents may be opened.
///
/// A descriptor may come from anywhere; it must not make us serve a file of the host that its user did not mean. So an
/// extent is a regular file in the descriptor's own directory, after resolving symbolic links.
struct ExtentDirectory: ~Copyable {
  /// Absolute, without symbolic links.
  let path: FilePath
  private let descriptor: CInt
  /// The descriptor's, for messages.
  private let named: FilePath

  /// - Parameter descriptorFile: the open descriptor. Its directory is where it really lies, not a link to it.
  init(of descriptorFile: HostFile) throws(DiskError) {
    let directory = try descriptorFile.resolvedPath().removingLastComponent()
    let opened = directory.withPlatformString { Glibc.open($0, onlyPath | O_DIRECTORY | O_CLOEXEC) }
    guard opened >= 0 else { throw DiskError(directory, systemError: errno, "cannot open the directory") }
    path = directory
    descriptor = opened
    named = descriptorFile.path
  }

  deinit { Glibc.close(descriptor) }

  /// Opens an extent by the name that a descriptor's line gives it.
  /// - Throws: `DiskError`: `EACCES` where the file lies elsewhere, `EINVAL` where it is no regular file, and what the
  ///   system says of one that is missing or unreadable.
  func open(_ name: [UInt8], line: Int) throws(DiskError) -> HostFile {
    guard !name.contains(UInt8(ascii: "/")), name != [UInt8](".".utf8), name != [UInt8]("..".utf8) else {
      throw refused(name, line)
    }
    let extentPath = path.appending(FilePath(platformString: name.map(CChar.init(bitPattern:)) + [0]).components)

    // This only finds the file: nothing happens to a device or a FIFO, and what is examined now is what is read then.
    let found = extentPath.lastComponent?.withPlatformString { openat(descriptor, $0, onlyPath | O_CLOEXEC) } ?? -1
    guard found >= 0 else { throw DiskError(extentPath, systemError: errno, "cannot open the extent of line \(line)") }
    defer { Glibc.close(found) }
    guard try resolvedPathOfDescriptor(found, path: extentPath).removingLastComponent() == path else {
      throw refused(name, line)
    }
    try checkFileKind(found, path: extentPath, allowDevices: false)
    let opened = Glibc.open("/proc/self/fd/\(found)", O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY)
    guard opened >= 0 else { throw DiskError(extentPath, systemError: errno, "cannot open the extent of line \(line)") }
    return try HostFile(adopting: opened, path: extentPath, allowDevices: false)
  }

  private func refused(_ name: [UInt8], _ line: Int) -> DiskError {
    DiskError(
      named, "line \(line): the extent \"\(printable(name))\" is refused: it is not in the descriptor's own directory",
      errno: EACCES)
  }
}
