import Glibc
import SystemPackage

/// `O_PATH` of Linux, see open(2), which the Glibc module leaves out.
private let onlyPath: CInt = 0o10000000

/// The directory of a descriptor, from which alone its extents and its parent may be opened.
///
/// A descriptor may come from anywhere; it must not make us serve a file of the host that its user did not mean. So what
/// it names is a regular file in the descriptor's own directory, after resolving symbolic links, unless the user allows
/// more.
struct ImageDirectory: ~Copyable {
  /// Absolute, without symbolic links.
  let path: FilePath
  private let descriptor: CInt
  /// The descriptor's, for messages.
  private let named: FilePath
  private let allowsExternal: Bool

  /// - Parameter descriptorFile: the open descriptor. Its directory is where it really lies, not a link to it.
  init(of descriptorFile: HostFile, options: OpenOptions) throws(DiskError) {
    let directory = try descriptorFile.resolvedPath().removingLastComponent()
    let opened = openFile(directory, onlyPath | O_DIRECTORY | O_CLOEXEC)
    guard opened >= 0 else { throw DiskError(directory, systemError: errno, "cannot open the directory") }
    path = directory
    descriptor = opened
    named = descriptorFile.path
    allowsExternal = options.allowsExternal
  }

  deinit { Glibc.close(descriptor) }

  /// Opens a file by the name that a descriptor gives it.
  /// - Parameter role: what it is there, for messages: `the extent of line 8`.
  /// - Throws: `DiskError`: `EACCES` where the file lies elsewhere, `EINVAL` where it is no regular file, and what the
  ///   system says of one that is missing or unreadable.
  func open(_ name: [UInt8], role: String) throws(DiskError) -> HostFile {
    // No system call takes one, and what is before it would be opened.
    guard !name.contains(0) else { throw refused(name, role) }
    let given = FilePath(platformString: name.map(CChar.init(bitPattern:)) + [0])
    if allowsExternal { return try HostFile.open(given.isAbsolute ? given : path.appending(given.components)) }
    return try openBeside(name, role: role)
  }

  /// Opens a file of the directory, whatever the user allows.
  func openBeside(_ name: [UInt8], role: String) throws(DiskError) -> HostFile {
    guard !name.contains(0) else { throw refused(name, role) }
    let given = FilePath(platformString: name.map(CChar.init(bitPattern:)) + [0])
    guard !name.contains(UInt8(ascii: "/")), name != [UInt8](".".utf8), name != [UInt8]("..".utf8) else {
      throw refused(name, role)
    }
    let file = path.appending(given.components)
    // This only finds the file: nothing happens to a device or a FIFO, and what is examined now is what is read then.
    let found = given.withPlatformString { name in withMoreFiles { openat(descriptor, name, onlyPath | O_CLOEXEC) } }
    guard found >= 0 else { throw DiskError(file, systemError: errno, "cannot open \(role)") }
    defer { Glibc.close(found) }
    guard try resolvedPathOfDescriptor(found, path: file).removingLastComponent() == path else {
      throw refused(name, role)
    }
    try checkFileKind(found, path: file, allowDevices: false)
    let opened = openFile(FilePath("/proc/self/fd/\(found)"), O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY)
    guard opened >= 0 else { throw DiskError(file, systemError: errno, "cannot open \(role)") }
    return try HostFile(adopting: opened, path: file, allowDevices: false)
  }

  private func refused(_ name: [UInt8], _ role: String) -> DiskError {
    DiskError(
      named,
      "\(role), \"\(printable(name.prefix(VMDKLimits.shownName)))\", is refused: it is not in the descriptor's own directory "
        + "(allow-external allows it)", errno: EACCES)
  }
}
