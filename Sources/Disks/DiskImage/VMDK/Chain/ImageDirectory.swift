import Glibc
import SystemPackage

/// Linux `O_PATH`, see open(2). The Glibc module does not export it.
private let onlyPath: CInt = 0o10000000

/// The directory of a descriptor. The extents and the parent can only be opened from this directory.
///
/// A descriptor may come from an untrusted source, and must not make us serve a file of the host that the user did not
/// intend. So the files that it names must be regular files in its own directory, after resolving symbolic links,
/// unless the user allows more.
struct ImageDirectory: ~Copyable {
  /// Absolute, without symbolic links.
  let path: FilePath
  private let descriptor: CInt
  /// The path of the VMDK descriptor, for messages.
  private let named: FilePath
  private let allowsExternal: Bool

  /// - Parameter descriptorFile: the open descriptor. If it was opened through a symbolic link, the directory is that
  ///   of the file, not of the link.
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

  /// Opens a file that a descriptor names.
  /// - Parameter role: what the file is used for, for messages: `the extent of line 8`.
  /// - Throws: `DiskError`: `EACCES` if the file is in another directory, `EINVAL` if it is not a regular file,
  ///   otherwise the error from the operating system.
  func open(_ name: [UInt8], role: String) throws(DiskError) -> HostFile {
    // A system call would stop at the NUL, and open the file named by the part before it.
    guard !name.contains(0) else { throw refused(name, role) }
    let given = FilePath(platformString: name.map(CChar.init(bitPattern:)) + [0])
    if allowsExternal { return try HostFile.open(given.isAbsolute ? given : path.appending(given.components)) }
    return try openBeside(name, role: role)
  }

  /// Opens a file in the directory, ignoring `allowsExternal`.
  func openBeside(_ name: [UInt8], role: String) throws(DiskError) -> HostFile {
    guard !name.contains(0) else { throw refused(name, role) }
    let given = FilePath(platformString: name.map(CChar.init(bitPattern:)) + [0])
    guard !name.contains(UInt8(ascii: "/")), name != [UInt8](".".utf8), name != [UInt8]("..".utf8) else {
      throw refused(name, role)
    }
    let file = path.appending(given.components)
    // `O_PATH` only finds the file: it has no side effects on a device or a FIFO. Opening the result guarantees that
    // the file that is checked is the file that is read.
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
